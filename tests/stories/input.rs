//! What clients send that they should not: every route of the description refuses it, in words.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::connection::{Answer, Connection};
use crate::support::server::{Installation, Server};

/// Writings of a number that are none, or that another writing of the same number stands for.
const NO_NUMBERS: [&str; 10] = [
    "",
    "%2B1",
    "+1",
    "01",
    "-1",
    "1.5",
    "1e1",
    "0x1",
    "%EF%BC%91",
    "1%2C2",
];

/// The caller: a member, an auditor, an operator.
struct Tokens([String; 3]);

impl Tokens {
    async fn on(installation: &Installation, server: &Server) -> Self {
        let member = server.api().register("hanako", "はなこ").await.token;
        let auditor = installation.auditor("kansa");
        let operator = installation.run(&["operator", "add", "jimu"]);
        let operator = operator.split_whitespace().next_back().unwrap().to_owned();
        Self([member, auditor, operator])
    }

    fn of(&self, path: &str, operation: &Value) -> &str {
        let security = operation["security"].to_string();
        let [member, auditor, operator] = &self.0;
        if path.contains("/operator/") {
            operator
        } else if security.contains("auditor") && !security.contains("bearer") {
            auditor
        } else {
            member
        }
    }
}

/// Every operation of the description: its method, its path with something for each parameter,
/// and what is said of it.
fn operations(description: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        let mut filled = path.clone();
        for (name, value) in [
            ("id", "0192f0c0-7c1e-7b0a-8d7e-2f4a5c6b7d8e"),
            ("user_name", "hanako"),
            ("code", "not-found"),
            ("position", "1"),
            ("group", "1"),
            ("word", "katsu"),
            ("path", "checkpoint"),
        ] {
            filled = filled.replace(&format!("{{{name}}}"), value);
            filled = filled.replace(&format!("{{*{name}}}"), value);
        }
        for (method, operation) in methods.as_object().unwrap() {
            if operation.is_object() && operation["responses"].is_object() {
                found.push((method.to_uppercase(), filled.clone(), operation.clone()));
            }
        }
    }
    assert!(found.len() > 50, "{}", found.len());
    found
}

struct Client {
    host: String,
    tokens: Tokens,
}

impl Client {
    async fn ask(&self, method: &str, path: &str, operation: &Value, body: &str) -> Answer {
        let token = self.tokens.of(path, operation);
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: meguri\r\nauthorization: Bearer {token}\r\n"
        );
        if !body.is_empty() {
            let length = body.len();
            write!(
                request,
                "content-type: application/json\r\ncontent-length: {length}\r\n"
            )
            .unwrap();
        }
        request.push_str("\r\n");
        request.push_str(body);
        self.raw(&request).await
    }

    async fn raw(&self, request: &str) -> Answer {
        let mut connection = Connection::open(&self.host).await.unwrap();
        connection.ask(request).await.unwrap()
    }
}

/// The problem is of this status, and says in Japanese alone what is wrong.
fn refused(answer: &Answer, status: u16, sent: &str) -> Value {
    assert_eq!(answer.status, status, "{sent}: {}", answer.body);
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    for member in ["title", "detail"] {
        let text = problem[member].as_str().unwrap_or_default();
        let words = text.split(|c: char| !c.is_ascii_alphabetic() && c != ' ' && c != '\'');
        let english = words.map(str::trim).find(|words| words.contains(' '));
        // `JSON`, `Content-Encoding: gzip` and names of parameters are no sentence.
        let sentence = english.filter(|words| words.split_whitespace().count() > 2);
        assert_eq!(sentence, None, "{sent}: {text}");
        assert!(text.is_empty() || !text.is_ascii(), "{sent}: {text}");
    }
    problem
}

async fn client() -> (Installation, Server, Client, Value) {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    let tokens = Tokens::on(&installation, &server).await;
    let description = server.api().get("/api/openapi.json", None).await;
    let host = server.api().host().to_owned();
    (installation, server, Client { host, tokens }, description)
}

#[tokio::test]
async fn every_route_refuses_parameters_that_it_does_not_know_or_that_are_there_twice() {
    let (_installation, _server, client, description) = client().await;
    for (method, path, operation) in operations(&description) {
        let parameters = operation["parameters"].as_array().cloned();
        let mut wrong = vec![
            "unheard_of=1".to_owned(),
            "unheard_of".to_owned(),
            "unheard_of=1&unheard_of=1".to_owned(),
            "=1".to_owned(),
            "q=%zz".to_owned(),
            "q=%ff".to_owned(),
        ];
        for parameter in parameters.iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            if parameter["in"] == "query" {
                wrong.push(format!("{}=1", name.to_uppercase()));
                wrong.push(format!("{name}=1&{name}=1"));
                wrong.push(format!("{name}[]=1"));
            }
        }
        for query in wrong {
            let sent = format!("{path}?{query}");
            let answer = client.ask(&method, &sent, &operation, "").await;
            refused(&answer, 400, &format!("{method} {sent}"));
        }
    }
}

#[tokio::test]
async fn a_number_has_one_writing_on_every_route() {
    let (_installation, _server, client, description) = client().await;
    let mut tried = 0;
    for (method, path, operation) in operations(&description) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let kind = &parameter["schema"]["type"];
            let is_number = kind.to_string().contains("integer");
            if parameter["in"] != "query" || !is_number {
                continue;
            }
            let name = parameter["name"].as_str().unwrap();
            for number in NO_NUMBERS {
                let sent = format!("{path}?{name}={number}");
                let answer = client.ask(&method, &sent, &operation, "").await;
                refused(&answer, 400, &format!("{method} {sent}"));
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
    for path in ["/api/events/+1/proof", "/api/events/01/proof"] {
        let answer = client.ask("GET", path, &json!({}), "").await;
        refused(&answer, 404, path);
    }
}

#[tokio::test]
async fn a_time_may_be_sent_with_its_plus_as_it_is() {
    let (_installation, server, client, _) = client().await;
    for since in [
        "2026-01-01T00:00:00+09:00",
        "2026-01-01T00:00:00%2B09:00",
        "2026-01-01T00:00:00-09:00",
        "2026-01-01T00:00:00Z",
    ] {
        let path = format!("/api/search?since={since}");
        let found = server.api().get(&path, None).await;
        assert!(found["items"].is_array(), "{since}");
    }
    for path in [
        "/api/search?since=2026-01-01",
        "/api/search?since=2026-01-01T00:00:00",
        "/api/search?since=2026-01-01T00:00:00++09:00",
        "/api/search?near=+35.6,139.7",
        "/api/search?near=35.6,139.7&km=1e2",
        "/api/search?near=35.6,139.7&km=%2B5",
        "/api/search?prefecture=013",
        "/api/board?prefecture=+13",
        "/api/board?kind=Need",
        "/api/board?as_of=yesterday",
        "/api/search?no_return_needed=True",
    ] {
        refused(&client.ask("GET", path, &json!({}), "").await, 400, path);
    }
}

/// Bodies that no route takes, whatever it takes.
fn wrong_bodies(schema: &Value) -> Vec<String> {
    let mut bodies: Vec<String> = [
        r#"{"unheard_of":1}"#,
        r#"{"a":1,"a":1}"#,
        r#"{"unheard_of":{"deep":[{"a":1,"a":2}]}}"#,
        "[]",
        r#"["hanako2","はな","h@example.jp","correct horse battery",13]"#,
        r#"[["a"]]"#,
        "\"text\"",
        "1",
        "true",
    ]
    .map(ToOwned::to_owned)
    .into();
    bodies.push(format!("{}1{}", "{\"a\":".repeat(60), "}".repeat(60)));
    bodies.push(format!("{}{}", "[".repeat(60), "]".repeat(60)));
    let names = schema["properties"].as_object().into_iter().flatten();
    let names: Vec<_> = names.map(|(name, _)| name).collect();
    let examples = vec!["1"; names.len()].join(",");
    bodies.push(format!("[{examples}]"));
    for name in names {
        bodies.push(format!("{{\"{name}\":null,\"{name}\":\"x\"}}"));
        bodies.push(format!("{{\"{}\":\"x\"}}", name.to_uppercase()));
        bodies.push(format!("{{\"{name}\":[{{\"{name}\":1}}]}}"));
        bodies.push(format!("{{\"{name}\":{{}}}}"));
    }
    bodies
}

#[tokio::test]
async fn every_body_is_an_object_that_holds_each_name_once_and_no_other() {
    let (_installation, server, client, description) = client().await;
    let before = server.api().get("/api/status", None).await["log"]["position"].clone();
    let mut tried = 0;
    for (method, path, operation) in operations(&description) {
        let content = &operation["requestBody"]["content"]["application/json"]["schema"];
        let text = content.to_string();
        let Some((_, name)) = text.split_once("#/components/schemas/") else {
            assert!(operation["requestBody"].is_null(), "{method} {path}");
            continue;
        };
        let name = name.split('"').next().unwrap();
        let schema = &description["components"]["schemas"][name];
        for body in wrong_bodies(schema) {
            let sent = format!("{method} {path} {body}");
            let answer = client.ask(&method, &path, &operation, &body).await;
            let problem = refused(&answer, 422, &sent);
            assert_eq!(problem["type"], "/problems/invalid-body", "{sent}");
            assert!(problem["detail"].is_string(), "{sent}");
            tried += 1;
        }
        for body in [
            "{",
            "{}{}",
            "{\"a\":01}",
            "{'a':1}",
            "\u{feff}{}",
            "nul",
            "{\"a\":\"\\ud800\"}",
        ] {
            let sent = format!("{method} {path} {body}");
            refused(
                &client.ask(&method, &path, &operation, body).await,
                400,
                &sent,
            );
        }
    }
    assert!(tried > 200, "{tried}");
    let after = server.api().get("/api/status", None).await["log"]["position"].clone();
    assert_eq!(before, after, "nothing was done");
}

#[tokio::test]
async fn a_condition_is_held_or_nothing_is_done() {
    let (_installation, server, client, description) = client().await;
    let before = server.api().get("/api/status", None).await["log"]["position"].clone();
    let mut tried = 0;
    for (method, path, operation) in operations(&description) {
        let held = operation["parameters"].to_string().contains("If-Match");
        if method == "GET" {
            continue;
        }
        let token = client.tokens.of(&path, &operation);
        for condition in [
            "if-match: \"1\"",
            "if-none-match: *",
            "if-none-match: \"1\"",
            "if-unmodified-since: Sat, 29 Oct 1994 19:43:31 GMT",
            "if-modified-since: Sat, 29 Oct 1994 19:43:31 GMT",
            "if-range: \"1\"",
        ] {
            if held && condition.starts_with("if-match") {
                continue;
            }
            let sent = format!(
                "{method} {path} HTTP/1.1\r\nhost: meguri\r\nauthorization: Bearer {token}\r\n\
                 {condition}\r\n\r\n"
            );
            refused(&client.raw(&sent).await, 412, &sent);
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
    let after = server.api().get("/api/status", None).await["log"]["position"].clone();
    assert_eq!(before, after, "nothing was done");
}

#[tokio::test]
async fn what_is_said_once_is_not_said_twice() {
    let (_installation, _server, client, description) = client().await;
    let [member, auditor, _] = &client.tokens.0;
    for (method, path, _) in operations(&description) {
        for twice in [
            format!("authorization: Bearer {member}\r\nauthorization: Bearer {auditor}\r\n"),
            format!("authorization: Bearer {member}\r\nauthorization: Bearer {member}\r\n"),
            "last-event-id: 1\r\nlast-event-id: 2\r\n".to_owned(),
            "idempotency-key: a\r\nidempotency-key: b\r\n".to_owned(),
            "content-type: application/json\r\ncontent-type: application/json\r\n".to_owned(),
        ] {
            let sent = format!("{method} {path} HTTP/1.1\r\nhost: meguri\r\n{twice}\r\n");
            refused(&client.raw(&sent).await, 400, &sent);
        }
    }
}

#[tokio::test]
async fn an_id_has_one_spelling() {
    let (_installation, _server, client, description) = client().await;
    let id = "0192f0c0-7c1e-7b0a-8d7e-2f4a5c6b7d8e";
    let mut tried = 0;
    for (method, path, operation) in operations(&description) {
        let Some((before, after)) = path.split_once(id) else {
            continue;
        };
        let simple = id.replace('-', "");
        for other in [
            id.to_uppercase(),
            simple.clone(),
            format!("%7B{id}%7D"),
            format!("urn:uuid:{id}"),
            simple.to_uppercase(),
        ] {
            let sent = format!("{before}{other}{after}");
            let body = operation["requestBody"].is_object();
            let body = if body { "{}" } else { "" };
            let answer = client.ask(&method, &sent, &operation, body).await;
            refused(&answer, 404, &format!("{method} {sent}"));
            tried += 1;
        }
    }
    assert!(tried > 50, "{tried}");
    for (method, path) in [("GET", "/audit/exchanges/"), ("DELETE", "/api/me/tokens/")] {
        let sent = format!("{path}{}", id.to_uppercase());
        let answer = client.ask(method, &sent, &json!({}), "").await;
        assert_eq!(answer.status, 404, "{sent}");
    }
}

#[tokio::test]
async fn routes_beside_the_description_refuse_what_they_do_not_know_as_well() {
    let (_installation, _server, client, _) = client().await;
    for path in [
        "/",
        "/api",
        "/api/openapi.json",
        "/audit",
        "/audit/exchanges/0192f0c0-7c1e-7b0a-8d7e-2f4a5c6b7d8e",
        "/audit/events/1",
        "/audit/check.mjs",
        "/audit/audit.css",
    ] {
        for query in [
            "unheard_of=1",
            "unheard_of=1&unheard_of=1",
            "AFTER=1",
            "q=%zz",
        ] {
            let sent = format!("{path}?{query}");
            let answer = client.ask("GET", &sent, &json!({}), "").await;
            assert_eq!(answer.status, 400, "{sent}: {}", answer.body);
        }
    }
    for path in ["/audit?type=ThanksSent&after=0", "/audit?", "/api?"] {
        let answer = client.ask("GET", path, &json!({}), "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn json_in_another_encoding_is_refused_on_every_route() {
    let (_installation, _server, client, description) = client().await;
    for (method, path, operation) in operations(&description) {
        if operation["requestBody"].is_null() {
            continue;
        }
        let token = client.tokens.of(&path, &operation);
        for charset in ["utf-16", "\"UTF-16LE\"", "shift_jis", "iso-8859-1"] {
            let sent = format!(
                "{method} {path} HTTP/1.1\r\nhost: meguri\r\nauthorization: Bearer {token}\r\n\
                 content-type: application/json; charset={charset}\r\ncontent-length: 2\r\n\r\n{{}}"
            );
            refused(&client.raw(&sent).await, 415, &sent);
        }
    }
}

#[tokio::test]
async fn a_request_says_once_for_which_host_it_is() {
    let (_installation, _server, client, _) = client().await;
    let head = "GET /api/board HTTP/1.1\r\n";
    for hosts in [
        "",
        "host: a\r\nhost: a\r\n",
        "host:\r\n",
        "host: a b\r\n",
        "host: a@b\r\n",
    ] {
        let sent = format!("{head}{hosts}\r\n");
        refused(&client.raw(&sent).await, 400, &sent);
    }
    let sent = format!("{head}host: meguri.example:8080\r\n\r\n");
    assert_eq!(client.raw(&sent).await.status, 200);
    assert_eq!(
        client.raw("GET /api/board HTTP/1.0\r\n\r\n").await.status,
        200
    );
}

#[tokio::test]
async fn a_body_that_will_not_be_taken_is_refused_before_it_is_sent() {
    let (_installation, _server, client, _) = client().await;
    let head = "POST /api/members HTTP/1.1\r\nhost: meguri\r\nexpect: 100-continue\r\n\
        content-type: application/json\r\n";
    for (more, status) in [
        ("content-length: 999000000\r\n", 413),
        ("content-length: 20\r\ncontent-encoding: gzip\r\n", 415),
        (
            "content-length: 20\r\ncontent-encoding: identity, br\r\n",
            415,
        ),
        (
            "transfer-encoding: chunked\r\ncontent-encoding: zstd\r\n",
            415,
        ),
    ] {
        let sent = format!("{head}{more}\r\n");
        // The first thing that comes back is the answer: no `100 Continue`.
        let problem = refused(&client.raw(&sent).await, status, &sent);
        if let Some((_, coding)) = more.split_once("content-encoding: ") {
            let coding = coding.trim().rsplit(' ').next().unwrap();
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(coding), "{detail}");
        }
    }
    let mut connection = Connection::open(&client.host).await.unwrap();
    let sent = format!("{head}content-length: 2\r\n\r\n");
    connection.send(&sent).await.unwrap();
    assert_eq!(connection.head().await.unwrap()[0], "HTTP/1.1 100 Continue");
    let answer = connection.ask("{}").await.unwrap();
    assert_eq!(answer.status, 422, "{}", answer.body);
}
