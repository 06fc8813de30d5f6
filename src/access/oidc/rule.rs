//! The `trust` setting: which issuer's tokens stand for what. A JSON list of rules:
//!
//! ```json
//! [{"issuer": "https://gitlab.example.com", "audience": "https://goproxy.example.com",
//!   "claims": {"project_path": "group/project", "ref_protected": "true"},
//!   "projects": ["group/project"], "scopes": ["write_package_registry"]}]
//! ```
//!
//! Values are compared exactly. On an issuer that many share, such as gitlab.com, anyone gets a token
//! for any audience: so a rule must name the project or the subject too.

use crate::access::token::is_invisible;
use crate::access::{Grant, Scope, list_of};
use crate::http::client::Address;
use crate::json::Json;

use super::jwt::Jwt;

const FIELDS: [&str; 6] = ["issuer", "audience", "jwks", "claims", "projects", "scopes"];
/// The claims that tell one project of an issuer from all others: GitLab's and GitHub's.
const TELLING: [&str; 5] = [
    "sub",
    "project_id",
    "project_path",
    "repository_id",
    "repository",
];

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands in the list, from 1.
    pub number: usize,
    /// Whose tokens it is for, as `iss` has it.
    pub issuer: String,
    /// Where the issuer's keys are, if not where its own discovery document says.
    pub jwks: Option<String>,
    audience: String,
    claims: Vec<(String, String)>,
    projects: Vec<String>,
    scopes: Vec<Scope>,
}

impl Rule {
    /// Reads the `trust` setting.
    ///
    /// # Errors
    /// What is wrong, with the rule's number.
    pub fn parse_list(json: &str) -> Result<Vec<Self>, String> {
        let list = list_of(json)?;
        let mut rules: Vec<Rule> = Vec::new();
        for (at, fields) in list.iter().enumerate() {
            let number = at + 1;
            let rule =
                Rule::parse(number, fields).map_err(|what| format!("rule {number}: {what}"))?;
            let other =
                |earlier: &&Rule| earlier.issuer == rule.issuer && earlier.jwks != rule.jwks;
            if let Some(earlier) = rules.iter().find(other) {
                let first = earlier.number;
                return Err(format!(
                    "rule {number}: its `jwks` is not that of rule {first}, which has the same issuer"
                ));
            }
            rules.push(rule);
        }
        Ok(rules)
    }

    fn parse(number: usize, rule: &Json) -> Result<Self, &'static str> {
        let mut names = rule.members().ok_or("it is not a JSON object")?.iter();
        if names.any(|(name, _)| !FIELDS.contains(&name.as_str())) {
            return Err(
                "it has an unknown field: `issuer`, `audience`, `jwks`, `claims`, `projects` and \
                 `scopes` are known",
            );
        }
        let text = |name| rule.get(name).and_then(Json::text);
        let issuer = text("issuer").filter(|url| is_https(url) && !url.contains('?'));
        let audience = text("audience").filter(|audience| !audience.is_empty());
        let jwks = match rule.get("jwks") {
            None | Some(Json::Null) => None,
            Some(url) => Some(
                url.text()
                    .filter(|url| is_https(url))
                    .ok_or("`jwks` is not an https address")?
                    .to_owned(),
            ),
        };
        let scopes = rule
            .get("scopes")
            .and_then(Json::texts)
            .and_then(|names| names.into_iter().map(Scope::parse).collect::<Option<_>>())
            .filter(|scopes: &Vec<Scope>| !scopes.is_empty());
        let projects = rule
            .get("projects")
            .and_then(Json::texts)
            .filter(|projects| !projects.is_empty());
        let projects = projects.ok_or("`projects` is not a list of ids, full paths or `*`")?;
        Ok(Rule {
            number,
            issuer: issuer
                .ok_or("`issuer` is not an https address without a query")?
                .to_owned(),
            audience: audience.ok_or("it has no `audience`")?.to_owned(),
            jwks,
            claims: claims(rule.get("claims"))?,
            projects: projects.into_iter().map(str::to_owned).collect(),
            scopes: scopes.ok_or(
                "`scopes` is not a list of `read_api`, `api`, `read_package_registry` and \
                 `write_package_registry`",
            )?,
        })
    }

    /// Whether a token is for this rule's audience.
    pub fn is_addressed_by(&self, token: &Jwt<'_>) -> bool {
        token.is_for(&self.audience)
    }

    /// Whether a token's claims are this rule's.
    pub fn matches(&self, token: &Jwt<'_>) -> bool {
        let mut claims = self.claims.iter();
        claims.all(|(name, value)| token.text(name) == Some(value))
    }

    /// What a token that it matches allows: never the care of the store.
    pub fn grant(&self, token: &Jwt<'_>) -> Grant {
        let subject = token
            .text("sub")
            .filter(|sub| !sub.is_empty() && sub.len() <= 200 && !sub.chars().any(is_invisible));
        Grant {
            name: subject.map_or_else(|| format!("trust rule {}", self.number), str::to_owned),
            scopes: self.scopes.clone(),
            projects: self.projects.clone(),
            admin: false,
            guest: false,
            alone: false,
        }
    }

    /// The server that its issuer's keys come from: scheme and authority.
    pub fn server(&self) -> Option<String> {
        let url = self.jwks.as_deref().unwrap_or(&self.issuer);
        Address::parse(url).map(|address| format!("https://{}", address.authority))
    }
}

fn is_https(url: &str) -> bool {
    Address::parse(url).is_some_and(|address| address.secure)
}

fn claims(claims: Option<&Json>) -> Result<Vec<(String, String)>, &'static str> {
    let members = claims
        .and_then(Json::members)
        .ok_or("`claims` is not a JSON object")?;
    let mut found = Vec::new();
    for (name, value) in members {
        let value = value.text().filter(|value| !value.is_empty());
        let value = value.ok_or("a value in `claims` is not a text: `\"123\"`, not `123`")?;
        if value.contains('*') {
            return Err("a value in `claims` has a `*`: they are compared exactly");
        }
        found.push((name.clone(), value.to_owned()));
    }
    if !found
        .iter()
        .any(|(name, _)| TELLING.contains(&name.as_str()))
    {
        return Err(
            "`claims` must name `sub`, `project_id`, `project_path`, `repository_id` or \
             `repository`: without one, strangers on the same issuer would be let in",
        );
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = r#"{"issuer":"https://ci.example.com","audience":"https://goproxy.example.com","claims":{"sub":"a"},"projects":["1"],"scopes":["api"]}"#;

    #[test]
    fn a_whole_rule_is_read() {
        let json = r#"[{"issuer":"https://ci.example.com/x","audience":"aud","jwks":"https://keys.example.com:8443/k?a=b",
            "claims":{"project_path":"g/p","ref":"main"},"projects":["g/p","*"],"scopes":["read_api","write_package_registry"]}]"#;
        let rule = Rule {
            number: 1,
            issuer: "https://ci.example.com/x".to_owned(),
            audience: "aud".to_owned(),
            jwks: Some("https://keys.example.com:8443/k?a=b".to_owned()),
            claims: [("project_path", "g/p"), ("ref", "main")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            projects: vec!["g/p".to_owned(), "*".to_owned()],
            scopes: vec![Scope::ReadApi, Scope::WritePackageRegistry],
        };
        let server = "https://keys.example.com:8443".to_owned();
        assert_eq!(rule.server(), Some(server));
        assert_eq!(Rule::parse_list(json), Ok(vec![rule]));
        assert_eq!(Rule::parse_list("[]"), Ok(Vec::new()));
        let one = Rule::parse_list(&format!("[{RULE}]")).unwrap();
        let server = "https://ci.example.com".to_owned();
        assert_eq!(one[0].server(), Some(server));
    }

    #[test]
    fn a_rule_that_says_too_little_or_something_unknown_is_refused_by_its_number() {
        let telling = "`claims` must name `sub`, `project_id`, `project_path`, `repository_id` or \
                       `repository`: without one, strangers on the same issuer would be let in";
        let https = "`issuer` is not an https address without a query";
        let text = "a value in `claims` is not a text: `\"123\"`, not `123`";
        let projects = "`projects` is not a list of ids, full paths or `*`";
        let scopes = "`scopes` is not a list of `read_api`, `api`, `read_package_registry` and \
                      `write_package_registry`";
        let unknown = "it has an unknown field: `issuer`, `audience`, `jwks`, `claims`, `projects` \
                       and `scopes` are known";
        let sub = r#"{"sub":"a"}"#;
        for (from, to, problem) in [
            (r#""issuer":"https://ci.example.com","#, "", https),
            ("https://ci", "http://ci", https),
            ("ci.example.com", "ci.example.com/?x=1", https),
            (
                r#""audience":"https://goproxy.example.com","#,
                "",
                "it has no `audience`",
            ),
            ("https://goproxy.example.com", "", "it has no `audience`"),
            (
                r#""claims":{"sub":"a"},"#,
                "",
                "`claims` is not a JSON object",
            ),
            (sub, "{}", telling),
            (sub, r#"{"ref":"main"}"#, telling),
            (sub, r#"{"namespace_path":"g","user_login":"u"}"#, telling),
            (sub, r#"{"sub":""}"#, text),
            (sub, r#"{"project_id":7}"#, text),
            (sub, r#"{"sub":["a"]}"#, text),
            (
                sub,
                r#"{"sub":"repo:o/r:*"}"#,
                "a value in `claims` has a `*`: they are compared exactly",
            ),
            (r#"["1"]"#, "[]", projects),
            (r#"["1"]"#, "1", projects),
            (r#"["api"]"#, "[]", scopes),
            (r#"["api"]"#, r#"["admin"]"#, scopes),
            (r#""scopes""#, r#""admin":true,"scopes""#, unknown),
            (
                r#""scopes""#,
                r#""jwks":"http://ci.example.com/k","scopes""#,
                "`jwks` is not an https address",
            ),
        ] {
            assert!(RULE.contains(from), "{from}");
            let wrong = RULE.replace(from, to);
            let expected = Err(format!("rule 2: {problem}"));
            let list = format!("[{RULE},{wrong}]");
            assert_eq!(Rule::parse_list(&list), expected, "{wrong}");
        }
        for (json, problem) in [
            ("{}", "it is not a JSON list"),
            ("[1]", "rule 1: it is not a JSON object"),
            ("[", "it is not JSON (line 1, column 1)"),
        ] {
            assert_eq!(Rule::parse_list(json), Err(problem.to_owned()));
        }
        let other = RULE.replace(
            r#""scopes""#,
            r#""jwks":"https://ci.example.com/k","scopes""#,
        );
        let problem = "rule 2: its `jwks` is not that of rule 1, which has the same issuer";
        let list = format!("[{RULE},{other}]");
        assert_eq!(Rule::parse_list(&list), Err(problem.to_owned()));
    }
}
