//! How long to wait before looking whether a write stands, where no host compares and swaps.

use std::time::{Duration, Instant};

/// The shortest wait: twice what a disk that flushed our write within a millisecond took for the next writer's, who
/// had read what we read. A disk may take longer still: it makes that rare, and does not rule it out.
const SHORTEST: Duration = Duration::from_millis(50);
/// The longest: within a host's time limit for a request.
const LONGEST: Duration = Duration::from_secs(3);
/// How many times as long as our own reading and writing took another's may take.
const SLOWER: u32 = 3;

/// How long to wait, when what was written was decided upon at `begun`: until another writer, who had read
/// what we read, has written too. Then the one who wrote first sees that its own does not stand.
pub fn pause(begun: Instant) -> Duration {
    let wait = begun.elapsed().saturating_mul(SLOWER);
    wait.clamp(SHORTEST, LONGEST)
}
