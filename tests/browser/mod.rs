//! What people see who come with a browser: Debian's Chromium, driven step by step.
//!
//! Over W3C `WebDriver` by hand: `thirtyfour` turns on a feature of `serde_json` that changes the
//! order of all JSON, in every test of the workspace and not in what is released.

mod audit;

use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use meguri::http_client;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a page may take to get where it should, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Flags under which Chromium runs as root, without a screen, and asks nobody anything.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--accept-lang=ja",
    "--window-size=1000,1500",
];

/// `chromedriver` on a port of its own; dropping it ends it.
struct Driver {
    child: Child,
    /// Kept open for as long as it runs: it may go on speaking.
    said: BufReader<ChildStdout>,
}

impl Driver {
    fn start() -> Self {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let started = command.spawn();
        let mut child = started.expect("chromedriver is needed: `make tools` installs it");
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// Where it listens.
    fn address(&mut self) -> String {
        let mut line = String::new();
        while self.said.read_line(&mut line).unwrap() > 0 {
            if let Some((_, port)) = line.split_once("successfully on port ") {
                return format!("http://127.0.0.1:{}", port.trim().trim_end_matches('.'));
            }
            line.clear();
        }
        panic!("chromedriver did not start");
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Fails when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A browser, and what can be done in it.
#[derive(Clone)]
struct Browser {
    client: Client,
    session: String,
}

impl Browser {
    async fn open(driver: &str, profile: &TempDir) -> Self {
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).into();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let options = json!({ "args": flags, "prefs": { "intl.accept_languages": "ja" } });
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options });
        let body = json!({ "capabilities": { "alwaysMatch": wanted } });
        let mut browser = Self {
            client: http_client::builder().no_proxy().build().unwrap(),
            session: format!("{driver}/session"),
        };
        let opened = browser.call(Method::POST, "", &body).await.unwrap();
        let id = opened["sessionId"].as_str().unwrap();
        browser.session = format!("{driver}/session/{id}");
        browser
    }

    /// Gives a command of `WebDriver`; its value, or what went wrong.
    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, Value> {
        let request = self
            .client
            .request(method, format!("{}{path}", self.session));
        let answer = request.json(body).send().await.unwrap();
        let done = answer.status().is_success();
        let value = answer.json::<Value>().await.unwrap()["value"].take();
        if done { Ok(value) } else { Err(value) }
    }

    async fn goto(&self, url: &str) {
        let url = json!({ "url": url });
        self.call(Method::POST, "/url", &url).await.unwrap();
    }

    /// Waits for the element that this selector names; the path of its commands.
    async fn find(&self, selector: &str) -> String {
        let wanted = json!({ "using": "css selector", "value": selector });
        let until = Instant::now() + PATIENCE;
        loop {
            match self.call(Method::POST, "/element", &wanted).await {
                Ok(found) => {
                    let id = found.as_object().unwrap().values().next().unwrap();
                    return format!("/element/{}", id.as_str().unwrap());
                }
                Err(error) => assert!(Instant::now() < until, "{selector}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn text(&self, selector: &str) -> String {
        let path = format!("{}/text", self.find(selector).await);
        let text = self.call(Method::GET, &path, &json!({})).await.unwrap();
        text.as_str().unwrap().to_owned()
    }

    async fn click(&self, selector: &str) {
        let path = format!("{}/click", self.find(selector).await);
        self.call(Method::POST, &path, &json!({})).await.unwrap();
    }

    /// Types a text in place of what a field holds.
    async fn fill(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        let clear = format!("{field}/clear");
        self.call(Method::POST, &clear, &json!({})).await.unwrap();
        let (path, text) = (format!("{field}/value"), json!({ "text": text }));
        self.call(Method::POST, &path, &text).await.unwrap();
    }

    /// What a program answers that runs in the page.
    async fn script(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.call(Method::POST, "/execute/sync", &body)
            .await
            .unwrap()
    }

    /// Has a program run in every page before its own.
    async fn run_first(&self, source: &str) {
        let command = "Page.addScriptToEvaluateOnNewDocument";
        let body = json!({ "cmd": command, "params": { "source": source } });
        self.call(Method::POST, "/goog/cdp/execute", &body)
            .await
            .unwrap();
    }
}

/// Runs these steps in a browser of their own, whose language is Japanese, and closes it, however
/// they end.
async fn browse<F>(steps: impl FnOnce(Browser) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut driver = Driver::start();
    let profile = TempDir::new().unwrap();
    let browser = Browser::open(&driver.address(), &profile).await;
    let ended = tokio::spawn(steps(browser.clone())).await;
    browser.call(Method::DELETE, "", &json!({})).await.unwrap();
    if let Err(error) = ended {
        std::panic::resume_unwind(error.into_panic());
    }
}
