//! Go's module rules, pure: no I/O but `std::io` traits, no host.
