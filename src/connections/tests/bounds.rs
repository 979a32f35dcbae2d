//! What one client may have of connections, and how long.

use super::*;

/// Long enough for what is to happen at once, on any machine.
const AT_ONCE: Duration = Duration::from_secs(10);

impl House {
    /// One more connection, from this address.
    async fn connect_from(&self, address: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind(format!("{address}:0").parse().unwrap())
            .unwrap();
        let server = self.client.peer_addr().unwrap();
        socket.connect(server).await.unwrap()
    }
}

/// All that comes until the server closes the connection.
async fn to_its_end(client: &mut TcpStream) -> String {
    let mut read = Vec::new();
    // A reset ends it, too.
    let _ = tokio::time::timeout(AT_ONCE, client.read_to_end(&mut read))
        .await
        .expect("the server closes the connection");
    String::from_utf8_lossy(&read).into_owned()
}

/// What a connection is answered to a request; nothing where it is closed.
async fn room_of(client: &mut TcpStream) -> String {
    let asked = client.write_all(b"GET /room HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    if asked.await.is_err() {
        return String::new();
    }
    let answer = to_its_end(client).await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    body.to_owned()
}

#[tokio::test]
async fn a_head_has_its_time_however_it_is_spread() {
    let mut house = House::with(ConnectionLimits {
        head_time: Duration::from_millis(300),
        ..limits()
    })
    .await;
    // Between two requests the time of a head does not run.
    house.send("GET /quick HTTP/1.1\r\nhost: a\r\n\r\n").await;
    house.read_to("quick").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    house.send("GET /quick HTTP/1.1\r\nhost: a\r\n\r\n").await;
    house.read_to("quick").await;

    house.send("GET /quick HTTP/1.1\r\nhost: a\r\n").await;
    let slowly = async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if house.client.write_all(b"a: b\r\n").await.is_err() {
                break;
            }
        }
    };
    tokio::time::timeout(AT_ONCE, slowly).await.unwrap();
}

#[tokio::test]
async fn a_silent_connection_is_closed_before_and_after_a_request() {
    let mut house = House::with(ConnectionLimits {
        idle_time: Duration::from_millis(200),
        ..limits()
    })
    .await;
    house.send("GET /quick HTTP/1.1\r\nhost: a\r\n\r\n").await;
    house.read_to("quick").await;
    let mut silent = house.connect_from("127.0.0.1").await;
    assert_eq!(to_its_end(&mut house.client).await, "");
    assert_eq!(to_its_end(&mut silent).await, "");
}

#[tokio::test]
async fn a_head_is_no_larger_than_a_head_is() {
    for (size, status) in [(8_000, " 200 "), (17_000, " 431 "), (400_000, " 431 ")] {
        let mut house = House::new().await;
        let head = format!(
            "GET /quick HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: {}\r\n\r\n",
            "y".repeat(size)
        );
        // The server may close before it has read all of it.
        let _ = house.client.write_all(head.as_bytes()).await;
        let mut first = [0; 12];
        if house.client.read_exact(&mut first).await.is_ok() {
            let first = String::from_utf8_lossy(&first).into_owned() + " ";
            assert!(first.contains(status), "{size}: {first}");
        } else {
            assert!(size > 100_000, "{size}: reset");
        }
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up_and_one_that_is_taken_slowly_is_not() {
    let limits = ConnectionLimits {
        stall_time: Duration::from_millis(500),
        ..limits()
    };
    let mut house = House::with(limits).await;
    let mut slow = house.connect_from("127.0.0.1").await;
    house.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    slow.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let (mut taken, mut buffer) = (0, vec![0; LARGE / 16]);
    while taken < LARGE {
        tokio::time::sleep(Duration::from_millis(50)).await;
        taken += slow.read(&mut buffer).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(to_its_end(&mut house.client).await.len() < LARGE);
}

#[tokio::test]
async fn a_connection_ends_after_its_last_request() {
    let mut house = House::with(ConnectionLimits {
        requests: 2,
        ..limits()
    })
    .await;
    for last in [false, true] {
        house.send("GET /quick HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let answer = house.read_to("quick").await;
        assert_eq!(answer.contains("connection: close"), last, "{answer}");
    }
    assert!(house.is_closed().await);
}

#[tokio::test]
async fn an_address_that_has_its_share_gives_up_its_oldest_connection_that_waits() {
    let mut house = House::with(ConnectionLimits {
        of_one: 3,
        ..limits()
    })
    .await;
    house.ask("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut older = house.connect_from("127.0.0.1").await;
    older.write_all(b"GET /qu").await.unwrap();
    let mut newer = house.connect_from("127.0.0.1").await;
    let mut newest = house.connect_from("127.0.0.1").await;
    assert_eq!(to_its_end(&mut older).await, "");
    assert_eq!(room_of(&mut newest).await, "common");
    assert_eq!(room_of(&mut newer).await, "common");
    house.go.notify_one();
    house.read_to("slow").await;
}

#[tokio::test]
async fn beyond_its_share_an_address_has_connections_of_the_reserve() {
    let mut house = House::with(ConnectionLimits {
        of_one: 1,
        reserve: 2,
        reserve_of_one: 1,
        ..limits()
    })
    .await;
    house.ask("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut beyond = house.connect_from("127.0.0.1").await;
    assert_eq!(room_of(&mut beyond).await, "reserve");
    let mut other = house.connect_from("127.0.0.2").await;
    assert_eq!(room_of(&mut other).await, "common");
    house.go.notify_one();
    house.read_to("slow").await;
    drop(house);
}

#[tokio::test]
async fn when_all_are_taken_those_who_have_the_most_give_one_up() {
    let house = House::with(ConnectionLimits {
        all: 4,
        of_one: 4,
        ..limits()
    })
    .await;
    let mut attacker = Vec::new();
    for _ in 0..3 {
        let mut connection = house.connect_from("127.0.0.1").await;
        connection.write_all(b"GET /ro").await.unwrap();
        attacker.push(connection);
    }
    for address in ["127.0.0.2", "127.0.0.3"] {
        let mut other = house.connect_from(address).await;
        assert_eq!(room_of(&mut other).await, "common", "{address}");
    }
}

#[tokio::test]
async fn where_everybody_has_but_one_the_one_that_has_waited_longest_makes_way() {
    let mut house = House::with(ConnectionLimits { all: 3, ..limits() }).await;
    house.send("GET /quick HTTP/1.1\r\nhost: a\r\n\r\n").await;
    house.read_to("quick").await;
    let mut second = house.connect_from("127.0.0.2").await;
    let mut third = house.connect_from("127.0.0.3").await;
    let mut anew = house.connect_from("127.0.0.4").await;
    assert_eq!(room_of(&mut anew).await, "common");
    assert!(house.is_closed().await);
    for other in [&mut second, &mut third] {
        assert_eq!(room_of(other).await, "common");
    }
}

/// Three addresses have everything, and nothing they have asked for is being worked on.
#[tokio::test]
async fn requests_that_are_held_up_keep_no_other_address_out() {
    let connections = ConnectionLimits {
        all: 6,
        of_one: 2,
        ..limits()
    };
    let take = async |body: String| body.len().to_string();
    let routes = Router::new()
        .route("/take", post(take))
        .route("/room", get(room));
    let guarded = meguri_http::guard(routes, &meguri_http::Limits::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Connections::new(guarded, connections);
        open.accept::<()>(listener.into(), std::future::pending())
            .await;
    });
    let connect = async |address: &str| {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind(format!("{address}:0").parse().unwrap())
            .unwrap();
        socket.connect(server).await.unwrap()
    };
    let mut attackers = Vec::new();
    for address in ["127.0.0.2", "127.0.0.3", "127.0.0.4"] {
        for _ in 0..2 {
            let mut slow = connect(address).await;
            slow.write_all(b"POST /take HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nslow")
                .await
                .unwrap();
            attackers.push(slow);
        }
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut other = connect("127.0.0.1").await;
    assert_eq!(room_of(&mut other).await, "common");
}

#[tokio::test]
async fn a_trusted_proxy_has_connections_for_many() {
    let mut house = House::with(ConnectionLimits {
        of_one: 1,
        trusted_proxies: "127.0.0.1".parse().unwrap(),
        ..limits()
    })
    .await;
    house.ask("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut other = house.connect_from("127.0.0.1").await;
    assert_eq!(room_of(&mut other).await, "common");
    house.go.notify_one();
    house.read_to("slow").await;
}
