//! How large the component may become: an edge loads it, and keeps it, for everybody.

use std::fs;
use std::path::Path;

use crate::support::hosts::component;

fn bytes(component: impl AsRef<Path>) -> u64 {
    fs::metadata(component).expect("a component").len()
}

#[test]
fn the_component_has_less_than_400_kib_for_spin_alone_and_1_2_mib_with_everything() {
    let everything = bytes(component("everything", &["default"]));
    assert!(everything < 12 * (1 << 20) / 10, "{everything} bytes");
    let least = bytes(component("spin", &["spin"]));
    assert!(least < 400 << 10, "{least} bytes");
}
