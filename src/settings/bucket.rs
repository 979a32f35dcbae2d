//! A bucket of an object store that speaks the protocol of Amazon S3: which, where, and as whom.

use std::fmt;
use std::str::FromStr;

use super::sources::{BACKUP_ENDPOINT, BACKUP_PATH_STYLE, BACKUP_REGION, FileSettings, Sources};
use super::{Origin, Row, Secret, Setting, SettingsError, optional, row};

/// What the address of a bucket begins with.
const SCHEME: &str = "s3://";
/// What a prefix may have beside letters and digits.
const PREFIX_MARKS: &[char] = &['-', '_', '.', '/', '=', '+', '@'];
/// Variables that say as whom the store is asked, as all its clients know them.
const IDENTITY: [&str; 9] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// `s3://BUCKET/PREFIX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketAddress {
    /// Its name.
    pub bucket: String,
    /// What the names of all objects begin with, without slashes at its ends; may be empty.
    pub prefix: String,
}

impl BucketAddress {
    /// Reads an address; `None` where the text is none of a bucket.
    ///
    /// # Errors
    /// In words: what is wrong with it.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        text.strip_prefix(SCHEME).map(Self::without_scheme)
    }

    fn without_scheme(text: &str) -> Result<Self, String> {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
        if bucket.len() < 3 || bucket.len() > 63 || !bucket.chars().all(fits) {
            return Err(format!(
                "`{bucket}` is no name of a bucket: s3://BUCKET/PREFIX, of 3 to 63 small letters, \
                 digits, `-`, `.` and `_`"
            ));
        }
        let prefix = prefix.trim_end_matches('/');
        let fits = |c: char| c.is_ascii_alphanumeric() || PREFIX_MARKS.contains(&c);
        let is_step = |part: &str| part.is_empty() || part == "." || part == "..";
        if !prefix.chars().all(fits) || !prefix.is_empty() && prefix.split('/').any(is_step) {
            return Err(format!(
                "`{prefix}` cannot be a prefix: letters, digits and `-_.=+@` between single `/`"
            ));
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

impl FromStr for BucketAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).unwrap_or_else(|| Err(format!("`{text}` does not begin with {SCHEME}")))
    }
}

impl fmt::Display for BucketAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(out, "{SCHEME}{}{slash}{}", self.bucket, self.prefix)
    }
}

/// How a bucket is reached.
#[derive(Debug, Clone)]
pub struct BucketAccess {
    /// The address of the store; `None`: Amazon's of the region.
    pub endpoint: Setting<Option<Endpoint>>,
    /// Its region; stores that have none take any.
    pub region: Setting<Option<String>>,
    /// Whether the bucket stands in the path of an address, not in the name of its host.
    pub path_style: Setting<bool>,
    /// As whom it is asked: names of variables, and what they say.
    pub identity: Setting<Identity>,
}

/// The address of a store: `http://` or `https://`, a host, and nothing that is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(String);

impl Endpoint {
    /// Whether it is spoken to without encryption, as somebody has asked for.
    pub fn is_plain(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// The address under which a bucket is asked for its objects.
    pub fn of_bucket(&self, bucket: &str, path_style: bool) -> String {
        match self.0.split_once("://") {
            Some((scheme, host)) if !path_style => format!("{scheme}://{bucket}.{host}"),
            _ => self.0.clone(),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.trim_end_matches('/');
        let url = reqwest::Url::parse(address).ok();
        let is_one = url.is_some_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if is_one {
            return Ok(Self(address.to_owned()));
        }
        Err(
            "an object store has an address such as https://minio.example.org:9000, without a \
             password in it"
                .to_owned(),
        )
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Variables that say as whom a store is asked. They are never shown.
#[derive(Debug, Clone, Default)]
pub struct Identity(Vec<(&'static str, Secret<String>)>);

impl Identity {
    /// What each says that is set.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = self.0.iter();
        all.map(|(name, value)| (*name, value.reveal().as_str()))
    }

    /// Whether nobody has said anything.
    pub fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.is_unknown() { "-" } else { "****" })
    }
}

impl BucketAccess {
    pub(super) fn resolve(from: &Sources<'_>, file: &FileSettings) -> Result<Self, SettingsError> {
        let path_style = file.backup_path_style.map(|on| on.to_string());
        Ok(Self {
            endpoint: from.either(BACKUP_ENDPOINT, file.backup_endpoint.clone())?,
            region: from.either(BACKUP_REGION, file.backup_region.clone())?,
            path_style: from.pick(BACKUP_PATH_STYLE, None, path_style, true)?,
            identity: identity(from)?,
        })
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        vec![
            optional("backup_endpoint", &self.endpoint),
            optional("backup_region", &self.region),
            row("backup_path_style", &self.path_style),
            row("backup_identity", &self.identity),
        ]
    }
}

fn identity(from: &Sources<'_>) -> Result<Setting<Identity>, SettingsError> {
    let mut said = Vec::new();
    for name in IDENTITY {
        if let Some(value) = from.environment.text(name)? {
            said.push((name, Secret::new(value)));
        }
    }
    let first = said.first().map(|(name, _)| *name);
    Ok(Setting {
        origin: first.map_or(Origin::Default, Origin::Environment),
        value: Identity(said),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_address_names_a_bucket_and_a_prefix() {
        for (text, bucket, prefix) in [
            ("s3://backups", "backups", ""),
            ("s3://backups/", "backups", ""),
            ("s3://my-bucket.2/meguri/one", "my-bucket.2", "meguri/one"),
            ("s3://my-bucket/meguri/", "my-bucket", "meguri"),
        ] {
            let address: BucketAddress = text.parse().unwrap();
            assert_eq!((&*address.bucket, &*address.prefix), (bucket, prefix));
            assert_eq!(address.to_string(), text.trim_end_matches('/'));
        }
        for text in [
            "s3://",
            "s3://ab",
            "s3:///x",
            "s3://Bucket/x",
            "s3://key:secret@bucket/x",
            "s3://bucket//x",
            "s3://bucket/../x",
            "s3://bucket/a b",
            "s3://bucket/a%20b",
            "s3://bucket/日",
            "s3://bucket/x?y",
        ] {
            let refused = text.parse::<BucketAddress>();
            assert!(refused.is_err(), "{text}: {refused:?}");
        }
        assert_eq!(BucketAddress::parse("gs://bucket"), None);
    }

    #[test]
    fn an_endpoint_has_no_password_and_takes_the_bucket_into_its_name_where_asked() {
        let endpoint: Endpoint = "http://127.0.0.1:9000/".parse().unwrap();
        assert!(endpoint.is_plain());
        assert_eq!(endpoint.of_bucket("b", true), "http://127.0.0.1:9000");
        let endpoint: Endpoint = "https://s3.example.org".parse().unwrap();
        assert!(!endpoint.is_plain());
        assert_eq!(endpoint.of_bucket("b", false), "https://b.s3.example.org");
        for text in [
            "s3.example.org",
            "ftp://host",
            "https://me:s3cret@host",
            "https://host?x=y",
            "https://",
        ] {
            let refused = text.parse::<Endpoint>().unwrap_err();
            assert!(!refused.contains("s3cret"), "{refused}");
        }
    }
}
