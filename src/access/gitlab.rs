//! The token of a GitLab CI job. It lives for one job, and only its GitLab knows it: so it is asked,
//! `GET {gitlab}/api/v4/job` with the token in `JOB-TOKEN` (GitLab's documentation, Jobs API).
//!
//! The answer names the project of the job only in the address of the job's page,
//! `{gitlab}/group/project/-/jobs/8`, and its number in `pipeline.project_id`. A project here is found
//! by the full path alone: our numbers are our own, and whoever has GitLab's project 1 must not be given
//! ours. The token publishes to that project, as it does on GitLab.
//!
//! What GitLab said is kept for five minutes, in one document of the last jobs with a hash in place of
//! each token. Of two that write it at once one is forgotten, and asked for again. A refusal is not
//! kept: made-up tokens would push out the others.

#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};

use super::outside::{Outside, store_failed};
use super::{Grant, Scope};
use crate::hex;
use crate::http::client::Address;
use crate::http::{Failure, Kind};
use crate::json::Json;

/// How long an answer counts, in seconds.
const KEPT: i64 = 5 * 60;
/// How many jobs are remembered.
const MOST_JOBS: usize = 200;
/// The longest answer that is read, in bytes: it holds the message of a commit.
const MOST: usize = 1024 * 1024;
/// Longer than any token, even one that is a JSON Web Token.
const LONGEST_TOKEN: usize = 8 * 1024;
const LONGEST_PATH: usize = 1024;
const NAME: &str = "gitlab-jobs";

/// What the token of a job allows.
///
/// # Errors
/// 401 for one that GitLab does not know, 503 when GitLab does not answer.
pub(super) fn judge(secret: &[u8], gitlab: &str, outside: &Outside<'_>) -> Result<Grant, Failure> {
    let token = std::str::from_utf8(secret).ok();
    let fits = |token: &&str| {
        token.len() <= LONGEST_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let token = token.filter(fits).ok_or_else(unknown)?;
    let now = outside.now.unix_seconds();
    let hash = hash(gitlab, token);
    let mut jobs = remembered(outside, now)?;
    if let Some(job) = jobs.iter().find(|job| job.hash == hash) {
        return Ok(grant(&job.project));
    }
    let project = ask(token, gitlab, outside)?;
    let surplus = (jobs.len() + 1).saturating_sub(MOST_JOBS);
    jobs.drain(..surplus);
    let granted = grant(&project);
    jobs.push(Job {
        asked: now,
        hash,
        project,
    });
    let text: String = jobs.iter().map(Job::to_line).collect();
    // What can't be remembered is asked for again.
    let _ = outside.keeper.set(NAME, text.as_bytes());
    Ok(granted)
}

/// A job that GitLab knows.
struct Job {
    asked: i64,
    hash: String,
    project: String,
}

impl Job {
    fn to_line(&self) -> String {
        format!("{} {} {}\n", self.asked, self.hash, self.project)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(3, ' ');
        Some(Job {
            asked: words.next()?.parse().ok()?,
            hash: words.next()?.to_owned(),
            project: words.next()?.to_owned(),
        })
    }
}

/// Of one GitLab: another that is set later knows other jobs.
fn hash(gitlab: &str, token: &str) -> String {
    hex::encode(&Sha256::digest(format!("{gitlab}\n{token}")))
}

fn remembered(outside: &Outside<'_>, now: i64) -> Result<Vec<Job>, Failure> {
    let kept = outside.keeper.get(NAME);
    let kept = kept
        .map_err(|error| store_failed(&error))?
        .unwrap_or_default();
    let jobs = String::from_utf8_lossy(&kept).into_owned();
    let jobs = jobs.lines().filter_map(Job::parse);
    Ok(jobs
        .filter(|job| (0..KEPT).contains(&now.saturating_sub(job.asked)))
        .collect())
}

/// Asks GitLab for the full path of the project whose job it is.
fn ask(token: &str, gitlab: &str, outside: &Outside<'_>) -> Result<String, Failure> {
    let url = format!("{gitlab}/api/v4/job");
    let headers = vec![("job-token", token.to_owned())];
    let silent = |why: String| {
        let text = format!("GitLab can't be asked whose job this token is: {why}");
        Failure::new(Kind::NoVerdict, text)
    };
    match outside.get(&url, headers, MOST).map_err(silent)? {
        (200, body) => {
            let project = Json::parse(&body).ok().and_then(|job| {
                let page = job.get("web_url")?.text()?.to_owned();
                project_path(&page, gitlab)
            });
            project.ok_or_else(|| silent(format!("{url}: its answer names no project")))
        }
        (401 | 403 | 404, _) => Err(unknown()),
        (status, _) => Err(silent(format!("{url}: it answered {status}"))),
    }
}

/// The full path of the project in the address of a job's page. GitLab's own idea of its host may be
/// another than that by which we reach it; of a path in front of everything it is the same.
fn project_path(page: &str, gitlab: &str) -> Option<String> {
    let page = Address::parse(page)?.path_with_query;
    let in_front = Address::parse(gitlab)?.path_with_query;
    let path = page.strip_prefix(in_front)?.strip_prefix('/')?;
    let (path, _) = path.split_once("/-/jobs/")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let whole = path.len() <= LONGEST_PATH && path.contains('/') && path.bytes().all(fits);
    whole.then(|| path.to_owned())
}

fn grant(project: &str) -> Grant {
    Grant {
        name: format!("a job of {project}"),
        scopes: vec![Scope::WritePackageRegistry],
        projects: vec![project.to_owned()],
        admin: false,
        guest: false,
        alone: true,
    }
}

fn unknown() -> Failure {
    let text = "GitLab does not know the job token presented: it lives as long as its job. For one that \
                outlives its job use an OpenID Connect token (`id_tokens` in .gitlab-ci.yml)";
    Failure::new(Kind::Unauthorized, text)
}
