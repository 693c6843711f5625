//! The printed table: one row per budget, and notes below the table.

use std::time::Duration;

pub struct Table {
    head: String,
    loads: Vec<String>,
    rows: Vec<[String; 4]>,
    notes: Vec<String>,
}

impl Table {
    pub fn new(head: String) -> Self {
        let rows = vec![["figure", "budget", "measured", ""].map(str::to_owned)];
        Self { head, loads: Vec::new(), rows, notes: Vec::new() }
    }

    /// Adds the load of the machine before a bench.
    pub fn load(&mut self, name: &str, load: String) {
        self.loads.push(format!("{name} {load}"));
    }

    /// Adds a budget and the measured value.
    pub fn row(
        &mut self,
        what: impl Into<String>,
        budget: impl Into<String>,
        measured: impl Into<String>,
        met: bool,
    ) {
        let result = if met { "met" } else { "MISSED" };
        self.rows.push([what.into(), budget.into(), measured.into(), result.to_owned()]);
    }

    /// Adds a figure without a budget.
    pub fn figure(&mut self, what: impl Into<String>, measured: impl Into<String>) {
        self.rows.push([what.into(), String::new(), measured.into(), String::new()]);
    }

    /// Adds a line below the table.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub fn print(&self) {
        let width = |column: usize| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2)];
        println!("{}\nload before each: {}\n", self.head, self.loads.join(", "));
        for (index, [what, budget, measured, result]) in self.rows.iter().enumerate() {
            let [a, b, c] = widths;
            println!("{}", format!("{what:a$}  {budget:b$}  {measured:c$}  {result}").trim_end());
            if index == 0 {
                println!("{}", "-".repeat(a + b + c + 12));
            }
        }
        if !self.notes.is_empty() {
            println!();
        }
        for note in &self.notes {
            println!("{note}");
        }
    }
}

#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn append(&mut self, mut times: Self) {
        self.0.append(&mut times.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the smallest measured time that `percent` of all times do not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }

    /// `p50 1.2 ms, p99 3.4 ms`
    pub fn shown(&self) -> String {
        format!("p50 {}, p99 {}", millis(self.percentile(50)), millis(self.percentile(99)))
    }
}

/// Milliseconds with two decimals below 1 ms, one below 100 ms, none above.
pub fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    let digits = if millis < 1.0 { 2 } else { usize::from(millis < 100.0) };
    format!("{millis:.digits$} ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let mut times = Times::default();
        (1..=200).for_each(|n| times.push(Duration::from_millis(n)));
        assert_eq!(times.percentile(50), Duration::from_millis(100));
        assert_eq!(times.percentile(99), Duration::from_millis(198));
        assert_eq!(times.percentile(100), Duration::from_millis(200));
        assert_eq!(Times::default().percentile(99), Duration::ZERO);
    }
}
