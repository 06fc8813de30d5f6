//! The servers that a guest may ask, written as Spin's manifests have them.

use http::Uri;

/// One server, or several, that may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Allowed {
    Any,
    Server {
        scheme: String,
        host: String,
        port: u16,
    },
    /// All hosts below a domain.
    Below {
        scheme: String,
        domain: String,
        port: u16,
    },
}

impl Allowed {
    pub fn parse(entry: &str) -> Result<Self, crate::Error> {
        if entry == "*" {
            return Ok(Allowed::Any);
        }
        let wrong = || crate::Error::OutboundHost(entry.to_owned());
        let (scheme, rest) = entry.split_once("://").ok_or_else(wrong)?;
        let below = rest.strip_prefix("*.");
        let uri: Uri = format!("{scheme}://{}", below.unwrap_or(rest))
            .parse()
            .map_err(|_| wrong())?;
        let port = port_of(&uri).ok_or_else(wrong)?;
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        if host.is_empty() || rest.contains(['/', '@', '?', '#']) {
            return Err(wrong());
        }
        let scheme = scheme.to_owned();
        Ok(match below {
            Some(_) => Allowed::Below {
                scheme,
                domain: format!(".{host}"),
                port,
            },
            None => Allowed::Server { scheme, host, port },
        })
    }

    pub fn covers(&self, uri: &Uri) -> bool {
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let asked = (uri.scheme_str().unwrap_or_default(), port_of(uri));
        match self {
            Allowed::Any => true,
            Allowed::Server {
                scheme,
                host: own,
                port,
            } => asked == (scheme, Some(*port)) && host == *own,
            Allowed::Below {
                scheme,
                domain,
                port,
            } => asked == (scheme, Some(*port)) && host.ends_with(domain.as_str()),
        }
    }
}

fn port_of(uri: &Uri) -> Option<u16> {
    let own = match uri.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    Some(uri.port_u16().unwrap_or(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_allowed_by_scheme_host_and_port() {
        for (entry, address, allowed) in [
            ("https://s3.example.com", "https://s3.example.com/b/k", true),
            (
                "https://s3.example.com",
                "https://s3.example.com:443/",
                true,
            ),
            ("https://S3.example.com", "https://s3.EXAMPLE.com/", true),
            ("https://s3.example.com", "http://s3.example.com/", false),
            (
                "https://s3.example.com",
                "https://s3.example.com:8443/",
                false,
            ),
            ("https://s3.example.com", "https://b.s3.example.com/", false),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/b", true),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9001/b", false),
            ("https://*.example.com", "https://b.s3.example.com/", true),
            ("https://*.example.com", "https://example.com/", false),
            ("https://*.example.com", "https://evil-example.com/", false),
            ("*", "http://anything.example.net:1/", true),
        ] {
            let entry = Allowed::parse(entry).unwrap();
            let uri: Uri = address.parse().unwrap();
            assert_eq!(entry.covers(&uri), allowed, "{entry:?} and {address}");
        }
    }

    #[test]
    fn what_names_no_server_is_refused() {
        for entry in [
            "",
            "s3.example.com",
            "ftp://example.com",
            "https://",
            "https://example.com/path",
            "https://user@example.com",
        ] {
            let refused = Allowed::parse(entry).unwrap_err().to_string();
            let expected = format!(
                "{entry:?} names no outbound host: it is scheme://host[:port], without a path"
            );
            assert_eq!(refused, expected);
        }
    }
}
