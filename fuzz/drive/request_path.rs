//! Takes bytes for a request target and, behind a line end, a header value: nothing may panic, and a
//! path that names something is named by that thing's own escaped form too.

use crate::http::{
    ETag, Headers, RangeRequest, none_match, percent_decode, query_pairs, requested_range,
};
use crate::proxy::route::{self, Asked, Resource, Route};

/// Reads the bytes as a request.
pub fn drive(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (target, header) = text.split_once('\n').unwrap_or((&text, ""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if let Ok(Route::InProject(_, Ok(resource))) = route::parse(path, "") {
        name_again(&resource);
    }
    let _ = route::parse(path, "/base");
    let _ = query_pairs(query).count();
    if let Some(decoded) = percent_decode(path) {
        assert!(decoded.len() <= path.len());
    }
    let headers = Headers::new(vec![("range".to_owned(), header.as_bytes().to_vec())]);
    let tag = ETag::strong("tag");
    if let RangeRequest::Part(range) = requested_range(&headers, 1000, &tag) {
        assert!(range.start < range.end && range.end <= 1000);
    }
    none_match(header, &tag);
}

fn name_again(resource: &Resource) {
    let (module, file) = match resource {
        Resource::Upload => return,
        Resource::List(module) => (module, Some("@v/list".to_owned())),
        Resource::Latest(module) => (module, Some("@latest".to_owned())),
        Resource::Info(module, asked) => (module, file(asked, ".info")),
        Resource::Mod(module, asked) => (module, file(asked, ".mod")),
        Resource::Zip(module, asked) => (module, file(asked, ".zip")),
        Resource::Version(module, asked) => (module, file(asked, "")),
    };
    let Some(file) = file else {
        return;
    };
    let path = format!("/{}/{file}", module.escaped());
    let again = route::parse(&path, "");
    assert_eq!(
        again,
        Ok(Route::InProject(None, Ok(resource.clone()))),
        "{path}"
    );
}

fn file(asked: &Asked, extension: &str) -> Option<String> {
    match asked {
        Asked::Exactly(version) => Some(format!("@v/{}{extension}", version.escaped())),
        Asked::Query(_) => None,
    }
}
