//! What a client or a component may use up, and what each limit protects.

use std::time::Duration;

/// Every limit of a host. [`Limits::default`] suits a server with a few gigabytes of memory.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of linear memory of one instance. Protects the machine's memory from one request: an
    /// allocation over it fails inside the guest, which then answers 500.
    pub instance_memory: usize,
    /// An instance that has grown past this many bytes is dropped after its request and not used
    /// again, since WebAssembly memory never shrinks. Protects the machine from many instances
    /// that were large once.
    pub kept_instance_memory: usize,
    /// Time that the guest may run for one request; waiting for the client or the store does not
    /// count. Protects the processor from a guest that never ends.
    pub guest_time: Duration,
    /// Time without a byte moving on the connection of a request, not counting the time that the
    /// guest runs. Protects instances and connections from clients that stop reading or sending; a
    /// transfer that goes on, however slowly, is never cut.
    pub stalled_transfer: Duration,
    /// Requests that are answered at once, each with an instance of its own. Protects memory.
    pub concurrent_requests: u32,
    /// How long a request may wait for its turn when all instances are taken, before it gets 503
    /// with `Retry-After`. Protects clients from waiting without an end.
    pub queue_time: Duration,
    /// Open connections. At this number, the one that has waited longest for its next request is closed
    /// for a new one; when a request is under way on each of them, the new one waits, and further ones in
    /// the listener's queue. Protects file descriptors.
    pub connections: usize,
    /// Time to send a request's whole head, and to finish a TLS handshake. Protects connections
    /// from clients that send a byte now and then.
    pub header_time: Duration,
    /// Time that a connection may stay open between two requests. Protects connections from
    /// clients that never close them.
    pub keep_alive: Duration,
    /// Bytes of a request body. A back-stop for the disk; the component has a limit of its own
    /// with a better answer.
    pub request_body: u64,
    /// Different credentials that one address may present in vain within `failed_logins_time`; after
    /// that its requests with a credential get 429 with `Retry-After`, until that time has passed since
    /// the first of them. Protects tokens from guessing.
    pub failed_logins: usize,
    /// How long credentials that were presented in vain are counted.
    pub failed_logins_time: Duration,
    /// Instances kept for the next requests when nothing goes on. Protects memory after a burst.
    pub idle_instances: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            instance_memory: 128 << 20,
            kept_instance_memory: 32 << 20,
            guest_time: Duration::from_secs(30),
            stalled_transfer: Duration::from_secs(30),
            concurrent_requests: 256,
            queue_time: Duration::from_secs(10),
            connections: 1024,
            header_time: Duration::from_secs(15),
            keep_alive: Duration::from_secs(75),
            request_body: 1 << 30,
            failed_logins: 30,
            failed_logins_time: Duration::from_secs(60),
            idle_instances: 32,
        }
    }
}

impl Limits {
    /// How long a guest may wait with no byte moving. A quarter more than clients get: a guest whose client
    /// stalls is told so, by an error from the body that it reads or writes, and needs time to put away
    /// what it has begun.
    pub(crate) fn stalled_guest(&self) -> Duration {
        self.stalled_transfer + self.stalled_transfer / 4
    }

    /// How often something that is bounded by these limits looks at the clock: often enough for the
    /// shortest of them, at most a hundred times a second and at least twice.
    pub(crate) fn check_interval(&self) -> Duration {
        let shortest = self
            .guest_time
            .min(self.stalled_transfer)
            .min(self.header_time)
            .min(self.keep_alive);
        (shortest / 8).clamp(Duration::from_millis(10), Duration::from_millis(500))
    }
}
