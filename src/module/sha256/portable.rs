//! The vector instructions that the lanes use, for the tests on a host. The names and the meaning
//! are those of `core::arch::wasm32`.

type Vector = [u32; 4];

fn zip(x: Vector, y: Vector, combine: impl Fn(u32, u32) -> u32) -> Vector {
    std::array::from_fn(|lane| combine(x[lane], y[lane]))
}

pub fn u32x4(a: u32, b: u32, c: u32, d: u32) -> Vector {
    [a, b, c, d]
}

pub fn u32x4_splat(x: u32) -> Vector {
    [x; 4]
}

pub fn u32x4_extract_lane<const LANE: usize>(x: Vector) -> u32 {
    x[LANE]
}

pub fn i32x4_add(x: Vector, y: Vector) -> Vector {
    zip(x, y, u32::wrapping_add)
}

pub fn v128_or(x: Vector, y: Vector) -> Vector {
    zip(x, y, |x, y| x | y)
}

pub fn v128_xor(x: Vector, y: Vector) -> Vector {
    zip(x, y, |x, y| x ^ y)
}

pub fn u32x4_shr(x: Vector, by: u32) -> Vector {
    x.map(|x| x >> by)
}

pub fn i32x4_shl(x: Vector, by: u32) -> Vector {
    x.map(|x| x << by)
}

pub fn v128_bitselect(x: Vector, y: Vector, choose_x: Vector) -> Vector {
    let chosen = zip(x, choose_x, |x, mask| x & mask);
    v128_or(chosen, zip(y, choose_x, |y, mask| y & !mask))
}

pub fn i8x16_shuffle<
    const A: usize,
    const B: usize,
    const C: usize,
    const D: usize,
    const E: usize,
    const F: usize,
    const G: usize,
    const H: usize,
    const I: usize,
    const J: usize,
    const K: usize,
    const L: usize,
    const M: usize,
    const N: usize,
    const O: usize,
    const P: usize,
>(
    x: Vector,
    y: Vector,
) -> Vector {
    let bytes: Vec<u8> = x
        .iter()
        .chain(&y)
        .flat_map(|word| word.to_le_bytes())
        .collect();
    let order = [A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P];
    let word = |lane: usize| std::array::from_fn(|byte| bytes[order[4 * lane + byte]]);
    std::array::from_fn(|lane| u32::from_le_bytes(word(lane)))
}
