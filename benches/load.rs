mod support;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let m = support::client::load(
        a[1].parse().unwrap(),
        &a[2],
        "",
        a[3].parse().unwrap(),
        std::time::Duration::from_secs(a[4].parse().unwrap()),
    );
    println!(
        "{:.0} r/s {:.0} MB/s p99 {:?}",
        m.per_second(),
        m.bytes as f64 / m.time.as_secs_f64() / 1e6,
        m.p99
    );
}
