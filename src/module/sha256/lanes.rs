//! SHA-256 in four lanes.
//!
//! A lane takes the next file as soon as it is done with one, so all four are busy until the last
//! files. The rounds are written out by macros, since the component is built for size and the
//! compiler would not unroll them; and without functions of our own, since only functions with the
//! same target feature are merged.
//!
//! Source: FIPS 180-4.

#[cfg(not(target_arch = "wasm32"))]
use super::portable::{
    i8x16_shuffle, i32x4_add, i32x4_shl, u32x4, u32x4_extract_lane, u32x4_shr, u32x4_splat,
    v128_bitselect, v128_or, v128_xor,
};
#[cfg(target_arch = "wasm32")]
use core::arch::wasm32::{
    i8x16_shuffle, i32x4_add, i32x4_shl, u32x4, u32x4_extract_lane, u32x4_shr, u32x4_splat,
    v128_bitselect, v128_or, v128_xor,
};

use std::ops::Range;

use crate::module::hash::FileHash;

/// How many files are hashed side by side.
const LANES: usize = 4;
/// The bytes that one run of the rounds takes from each file.
const BLOCK: usize = 64;

/// The beginning of every hash: the square roots of the first 8 primes.
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// One number a round: the cube roots of the first 64 primes, 16 in a row.
#[rustfmt::skip]
const ROUNDS: [[u32; 16]; 4] = [
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    ],
    [
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    ],
    [
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    ],
    [
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ],
];

/// The words of four hashes, word by word, each with its lanes.
type State = [[u32; LANES]; 8];

/// A file on its way through a lane.
struct Job<'a> {
    /// The file's number.
    number: usize,
    /// Its whole blocks that are still to come.
    blocks: &'a [[u8; BLOCK]],
    /// What follows them: the last bytes and the padding, in one block or two.
    tail: [[u8; BLOCK]; 2],
    /// Which blocks of the tail are still to come.
    tail_left: Range<usize>,
}

impl<'a> Job<'a> {
    fn new(number: usize, content: &'a [u8]) -> Self {
        let (blocks, rest) = content.as_chunks();
        let mut tail = [[0; BLOCK]; 2];
        for (target, byte) in tail
            .as_flattened_mut()
            .iter_mut()
            .zip(rest.iter().chain(&[0x80]))
        {
            *target = *byte;
        }
        // The last block ends with the length in bits.
        let tail_blocks = if rest.len() < BLOCK - 8 { 1 } else { 2 };
        let length = (content.len() as u64 * 8).to_be_bytes();
        let end = tail
            .as_flattened_mut()
            .iter_mut()
            .skip(tail_blocks * BLOCK - 8);
        for (target, byte) in end.zip(length) {
            *target = byte;
        }
        Job {
            number,
            blocks,
            tail,
            tail_left: 0..tail_blocks,
        }
    }

    /// The blocks that come next, as far as they lie side by side; none at the file's end.
    fn next(&self) -> &[[u8; BLOCK]] {
        match self.blocks {
            [] => self.tail.get(self.tail_left.clone()).unwrap_or_default(),
            blocks => blocks,
        }
    }

    /// Goes past some of the blocks that came next.
    fn advance(&mut self, count: usize) {
        if self.blocks.is_empty() {
            self.tail_left.start += count;
        } else {
            self.blocks = self.blocks.get(count..).unwrap_or_default();
        }
    }
}

/// Hashes `count` files: `content` gives one, `done` takes its hash.
pub fn hash_each<'a>(
    count: usize,
    content: &dyn Fn(usize) -> &'a [u8],
    done: &mut dyn FnMut(usize, FileHash),
) {
    let mut waiting = (0..count).map(|number| Job::new(number, content(number)));
    let mut jobs: [Option<Job<'_>>; LANES] = [const { None }; LANES];
    let mut state: State = START.map(|word| [word; LANES]);
    loop {
        for (lane, job) in jobs.iter_mut().enumerate() {
            if let Some(ended) = job.take_if(|job| job.next().is_empty()) {
                done(ended.number, hash_of(&state, lane));
            }
            if job.is_none() {
                *job = waiting.next();
                restart(&mut state, lane);
            }
        }
        // A lane without a file repeats another's; nobody looks at what comes out.
        let Some(busy) = jobs.iter().flatten().next() else {
            return;
        };
        let next = jobs
            .each_ref()
            .map(|job| job.as_ref().unwrap_or(busy).next());
        let common = next
            .iter()
            .map(|blocks| blocks.len())
            .min()
            .unwrap_or_default();
        compress(
            &mut state,
            next.map(|blocks| blocks.get(..common).unwrap_or_default()),
        );
        for job in jobs.iter_mut().flatten() {
            job.advance(common);
        }
    }
}

fn restart(state: &mut State, lane: usize) {
    for (word, start) in state.iter_mut().zip(START) {
        if let Some(word) = word.get_mut(lane) {
            *word = start;
        }
    }
}

fn hash_of(state: &State, lane: usize) -> FileHash {
    let mut hash = [[0; 4]; 8];
    for (bytes, word) in hash.iter_mut().zip(state) {
        *bytes = word.get(lane).copied().unwrap_or_default().to_be_bytes();
    }
    hash.as_flattened().try_into().unwrap_or_default()
}

/// Runs the rounds over blocks of four files, as many of each.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn compress(state: &mut State, [one, two, three, four]: [&[[u8; BLOCK]]; LANES]) {
    macro_rules! rotate {
        ($x:expr, $by:literal) => {
            v128_or(u32x4_shr($x, $by), i32x4_shl($x, 32 - $by))
        };
    }
    macro_rules! xor {
        ($x:expr, $y:expr, $z:expr) => {
            v128_xor(v128_xor($x, $y), $z)
        };
    }
    macro_rules! add {
        ($x:expr) => {
            $x
        };
        ($x:expr, $($rest:expr),+) => {
            i32x4_add($x, add!($($rest),+))
        };
    }
    let mut hash = state.map(|[a, b, c, d]| u32x4(a, b, c, d));
    for (((one, two), three), four) in one.iter().zip(two).zip(three).zip(four) {
        macro_rules! word {
            ($at:literal) => {{
                let little = |block: &[u8; BLOCK]| {
                    let bytes = [
                        block[4 * $at],
                        block[4 * $at + 1],
                        block[4 * $at + 2],
                        block[4 * $at + 3],
                    ];
                    u32::from_le_bytes(bytes)
                };
                let words = u32x4(little(one), little(two), little(three), little(four));
                i8x16_shuffle::<3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12>(words, words)
            }};
        }
        let mut w0 = word!(0);
        let mut w1 = word!(1);
        let mut w2 = word!(2);
        let mut w3 = word!(3);
        let mut w4 = word!(4);
        let mut w5 = word!(5);
        let mut w6 = word!(6);
        let mut w7 = word!(7);
        let mut w8 = word!(8);
        let mut w9 = word!(9);
        let mut w10 = word!(10);
        let mut w11 = word!(11);
        let mut w12 = word!(12);
        let mut w13 = word!(13);
        let mut w14 = word!(14);
        let mut w15 = word!(15);
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = hash;
        for (number, constants) in ROUNDS.iter().enumerate() {
            // The word of 16 rounds later, in place of this round's.
            macro_rules! schedule {
                ($w:ident, $next:ident, $ninth:ident, $fourteenth:ident) => {
                    let next = xor!(rotate!($next, 7), rotate!($next, 18), u32x4_shr($next, 3));
                    let last = $fourteenth;
                    let last = xor!(rotate!(last, 17), rotate!(last, 19), u32x4_shr(last, 10));
                    $w = add!($w, next, $ninth, last);
                };
            }
            macro_rules! round {
                ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident,
                 $w:ident, $at:literal) => {
                    let mixed = xor!(rotate!($e, 6), rotate!($e, 11), rotate!($e, 25));
                    let chosen = v128_bitselect($f, $g, $e);
                    let sum = add!(mixed, chosen, $h, $w, u32x4_splat(constants[$at]));
                    let mixed = xor!(rotate!($a, 2), rotate!($a, 13), rotate!($a, 22));
                    let majority = v128_bitselect($a, $b, v128_xor($b, $c));
                    $d = add!($d, sum);
                    $h = add!(sum, mixed, majority);
                };
            }
            if number > 0 {
                schedule!(w0, w1, w9, w14);
                schedule!(w1, w2, w10, w15);
                schedule!(w2, w3, w11, w0);
                schedule!(w3, w4, w12, w1);
                schedule!(w4, w5, w13, w2);
                schedule!(w5, w6, w14, w3);
                schedule!(w6, w7, w15, w4);
                schedule!(w7, w8, w0, w5);
                schedule!(w8, w9, w1, w6);
                schedule!(w9, w10, w2, w7);
                schedule!(w10, w11, w3, w8);
                schedule!(w11, w12, w4, w9);
                schedule!(w12, w13, w5, w10);
                schedule!(w13, w14, w6, w11);
                schedule!(w14, w15, w7, w12);
                schedule!(w15, w0, w8, w13);
            }
            round!(a b c d e f g h, w0, 0);
            round!(h a b c d e f g, w1, 1);
            round!(g h a b c d e f, w2, 2);
            round!(f g h a b c d e, w3, 3);
            round!(e f g h a b c d, w4, 4);
            round!(d e f g h a b c, w5, 5);
            round!(c d e f g h a b, w6, 6);
            round!(b c d e f g h a, w7, 7);
            round!(a b c d e f g h, w8, 8);
            round!(h a b c d e f g, w9, 9);
            round!(g h a b c d e f, w10, 10);
            round!(f g h a b c d e, w11, 11);
            round!(e f g h a b c d, w12, 12);
            round!(d e f g h a b c, w13, 13);
            round!(c d e f g h a b, w14, 14);
            round!(b c d e f g h a, w15, 15);
        }
        let [h0, h1, h2, h3, h4, h5, h6, h7] = hash;
        hash = [
            add!(h0, a),
            add!(h1, b),
            add!(h2, c),
            add!(h3, d),
            add!(h4, e),
            add!(h5, f),
            add!(h6, g),
            add!(h7, h),
        ];
    }
    for (word, lanes) in state.iter_mut().zip(hash) {
        *word = [
            u32x4_extract_lane::<0>(lanes),
            u32x4_extract_lane::<1>(lanes),
            u32x4_extract_lane::<2>(lanes),
            u32x4_extract_lane::<3>(lanes),
        ];
    }
}
