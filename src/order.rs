//! Sorting. The standard library's sort is made anew for each type it sorts, 5 to 8 KB each time in
//! the component, so everything here is sorted by its number.

use std::cmp::Ordering;

/// Sorts numbers of things by comparing the things.
#[inline(never)]
pub fn sort_numbers(numbers: &mut [u32], compare: &mut dyn FnMut(u32, u32) -> Ordering) {
    numbers.sort_unstable_by(|a, b| compare(*a, *b));
}

/// Sorts things; those that compare as equal keep their order.
pub fn sorted<T>(things: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut numbers: Vec<u32> = (0..).take(things.len()).collect();
    sort_numbers(
        &mut numbers,
        &mut |a, b| match (things.get(a as usize), things.get(b as usize)) {
            (Some(x), Some(y)) => compare(x, y).then(a.cmp(&b)),
            _ => a.cmp(&b),
        },
    );
    let mut things: Vec<Option<T>> = things.into_iter().map(Some).collect();
    let take = |number: u32| things.get_mut(number as usize)?.take();
    numbers
        .into_iter()
        .filter_map(take)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_things_keep_their_order() {
        let things = vec![(2, 'a'), (1, 'b'), (2, 'c'), (1, 'd')];
        let expected = [(1, 'b'), (1, 'd'), (2, 'a'), (2, 'c')];
        assert_eq!(sorted(things, |x, y| x.0.cmp(&y.0)), expected);
    }
}
