//! Sorting entries by number.
//!
//! One sort serves all orders that this room needs: each instance of the standard library's would
//! add 4 to 6 KB to the component.

use std::cmp::Ordering;

/// Sorts numbers of entries; equal ones end in any order.
pub fn sort(numbers: &mut [u32], compare: &mut dyn FnMut(u32, u32) -> Ordering) {
    numbers.sort_unstable_by(|&a, &b| compare(a, b));
}
