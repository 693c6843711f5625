//! A plot of series in characters. Pure: points in, lines out.

use std::fmt::Write as _;

/// Height of a plot, in lines.
const HEIGHT: usize = 8;
/// Marks of the series, in order. A cell with several series shows the last.
const MARKS: [char; 6] = ['●', '○', '▲', '△', '■', '□'];

/// One series of a plot.
#[derive(Debug, Clone)]
pub struct PlotSeries {
    pub name: String,
    /// Step and value of each point, sorted by step.
    pub points: Vec<(u64, f64)>,
}

/// Plots the series in one picture of at most `width` cells. Empty without two points to connect.
pub fn plot(series: &[PlotSeries], width: usize) -> String {
    let points = || series.iter().flat_map(|series| &series.points);
    let (first, last) = bounds(points().map(|(step, _)| *step as f64));
    let (low, high) = bounds(points().map(|(_, value)| *value));
    if !(first < last && low.is_finite() && high.is_finite()) {
        return String::new();
    }
    let labels = [number(high), number(low)];
    let margin = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let columns = width.saturating_sub(margin + 2).max(2);
    let cell = |value: f64, low: f64, high: f64, cells: usize| {
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        (share * (cells - 1) as f64).round() as usize
    };
    let mut grid = vec![vec![' '; columns]; HEIGHT];
    for (series, mark) in series.iter().zip(MARKS.iter().cycle()) {
        for (step, value) in &series.points {
            let row = HEIGHT - 1 - cell(*value, low, high, HEIGHT);
            grid[row][cell(*step as f64, first, last, columns)] = *mark;
        }
    }
    let mut text = String::new();
    for (index, row) in grid.iter().enumerate() {
        let label = match index {
            0 => &labels[0],
            _ if index == HEIGHT - 1 => &labels[1],
            _ => "",
        };
        let row: String = row.iter().collect();
        let _ = writeln!(text, "{label:>margin$} │{}", row.trim_end());
    }
    let _ = writeln!(text, "{:margin$} └{}", "", "─".repeat(columns));
    let (first, last) = (format!("{first:.0}"), format!("{last:.0}"));
    let gap = columns.saturating_sub(first.len());
    let _ = writeln!(text, "{:margin$}  {first}{last:>gap$}", "");
    let legend: Vec<String> = series
        .iter()
        .zip(MARKS.iter().cycle())
        .map(|(series, mark)| format!("{mark} {}", series.name))
        .collect();
    let _ = writeln!(text, "{:margin$}  {}", "", legend.join("  "));
    text
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// Formats a value with at most four decimals.
pub fn number(value: f64) -> String {
    if value != 0.0 && (value.abs() < 0.001 || value.abs() >= 1e6) {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plot_fits_its_width_and_shows_bounds_and_names() {
        let points = (1..=20_u64).map(|step| (step, step as f64 / 20.0)).collect();
        let series = [PlotSeries { name: "party-a".to_owned(), points }];
        let text = plot(&series, 60);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), HEIGHT + 3, "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 60), "{text}");
        assert!(lines[0].starts_with("   1 │") && lines[0].ends_with('●'), "{text}");
        assert!(lines[HEIGHT - 1].starts_with("0.05 │●"), "{text}");
        assert!(lines[HEIGHT + 1].trim_end().ends_with("20"), "{text}");
        assert!(text.contains("● party-a"), "{text}");
        assert_eq!(plot(&series[..0], 60), "");
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in
            [(0.0, "0"), (0.5, "0.5"), (12.34567, "12.3457"), (0.00001, "1.000e-5"), (-2.0, "-2")]
        {
            assert_eq!(number(value), text);
        }
    }
}
