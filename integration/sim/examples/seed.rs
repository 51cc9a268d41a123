fn main() {
    let args: Vec<String> = std::env::args().collect();
    let topology = args[1].parse().unwrap();
    let seed: u64 = args[2].parse().unwrap();
    let count: u64 = args.get(3).map_or(1, |n| n.parse().unwrap());
    let begun = std::time::Instant::now();
    for s in seed..seed + count {
        let trace = if count == 1 {
            sim::Trace::kept()
        } else {
            sim::Trace::default()
        };
        let run = sim::run(topology, s, trace);
        if let Err(v) = &run.outcome {
            println!("{s}: {v}");
        }
        if count == 1 {
            std::fs::write("/tmp/sim-trace.txt", run.trace.into_text()).unwrap();
            println!("{} {} {}", run.simulated, run.recovered_in, run.answers);
        }
    }
    println!("{count} in {:?}", begun.elapsed());
}
