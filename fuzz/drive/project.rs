//! Takes bytes for the setting `projects` and for what the store keeps of a project: nothing may panic,
//! what is taken has one meaning, and a project that is written down is read back as it was.

use crate::access::Projects;
use crate::access::kept::ProjectRecord;

/// Reads the bytes as a project of the store, and as a list of projects.
pub fn drive(data: &[u8]) {
    if let Some(record) = ProjectRecord::parse(data) {
        assert_eq!(ProjectRecord::parse(&record.to_value()), Some(record));
    }
    let Ok(projects) = Projects::parse_list(&String::from_utf8_lossy(data)) else {
        return;
    };
    for project in projects.all() {
        for name in [&project.id, &project.path] {
            assert_eq!(projects.named(name), Some(project));
        }
        for prefix in &project.modules {
            let Some((owner, reach)) = projects.owner(prefix) else {
                panic!("{prefix} is a prefix and has no owner");
            };
            assert_eq!((owner, reach), (project, prefix.len()));
            let below = format!("{prefix}/x");
            let Some((owner, reach)) = projects.owner(&below) else {
                panic!("{below} is below a prefix and has no owner");
            };
            // Another one may have just this as a prefix.
            assert!(owner == project && reach == prefix.len() || reach == below.len());
        }
        let record = ProjectRecord::new((**project).clone());
        assert_eq!(ProjectRecord::parse(&record.to_value()), Some(record));
        let again = format!("[{}]", project.to_json().end());
        let again = Projects::parse_list(&again);
        assert_eq!(
            again.as_ref().map(Projects::all),
            Ok([project.clone()].as_slice())
        );
    }
}
