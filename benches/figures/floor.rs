//! Programs that do the least that can be done. This program runs itself as one of them.

use reqwest::Client;
use reqwest::header::AUTHORIZATION;

/// The path of the keys.
const COLLECTION: &str = "/iam/v2/api-keys";

/// What is done, and nothing else.
pub(crate) enum Floor {
    /// Starts a runtime and ends.
    Nothing,
    /// Fetches all pages that a query lists, one after another, and drops them.
    List(String),
    /// Fetches one key so many times, one after another, and drops it.
    Get(String, usize),
}

impl Floor {
    /// Reads `words`, the arguments of this program. None if they are not about a floor.
    pub(crate) fn of(words: &[String]) -> Option<Self> {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["floor", "nothing"] => Some(Self::Nothing),
            ["floor", "list", filter] => Some(Self::List((*filter).to_owned())),
            ["floor", "get", id, times] => Some(Self::Get((*id).to_owned(), times.parse().ok()?)),
            _ => None,
        }
    }

    /// Does it.
    pub(crate) fn run(self) {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(async {
                match self {
                    Self::Nothing => {}
                    Self::List(filter) => Bare::of_environment().list(&filter).await,
                    Self::Get(id, times) => {
                        let bare = Bare::of_environment();
                        for _ in 0..times {
                            bare.get(&format!("{COLLECTION}/{id}")).await;
                        }
                    }
                }
            });
    }
}

/// A client that understands nothing.
struct Bare {
    client: Client,
    endpoint: String,
    key: String,
    secret: String,
}

impl Bare {
    fn of_environment() -> Self {
        // A client is not made without one, even if it never encrypts.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let variable = |name| std::env::var(name).expect(name);
        Self {
            client: Client::builder()
                .tls_certs_only([])
                .build()
                .expect("a client"),
            endpoint: variable("CONFLUENT_CLOUD_ENDPOINT"),
            key: variable("CONFLUENT_CLOUD_API_KEY"),
            secret: variable("CONFLUENT_CLOUD_API_SECRET"),
        }
    }

    async fn get(&self, path_and_query: &str) -> Vec<u8> {
        use base64::Engine;
        let pair = base64::engine::general_purpose::STANDARD
            .encode(format!("{}:{}", self.key, self.secret));
        let response = self
            .client
            .get(format!("{}{path_and_query}", self.endpoint))
            .header(AUTHORIZATION, format!("Basic {pair}"))
            .send()
            .await
            .expect("an answer");
        assert!(response.status().is_success(), "{}", response.status());
        response.bytes().await.expect("a body").into()
    }

    async fn list(&self, filter: &str) {
        let first = format!("{COLLECTION}?show_expired=true&page_size=100&{filter}");
        let mut next = Some(first.clone());
        while let Some(page) = next {
            let body = self.get(&page).await;
            next = token(&body).map(|token| format!("{first}&page_token={token}"));
        }
    }
}

/// Finds the token of the next page without reading the page: links come before the keys.
fn token(body: &[u8]) -> Option<&str> {
    let links = std::str::from_utf8(&body[..body.len().min(2_000)]).ok()?;
    let (_, link) = links.split_once("\"next\":\"")?;
    let (link, _) = link.split_once('"')?;
    Some(link.split_once("page_token=")?.1)
}
