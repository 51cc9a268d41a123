//! A table as operators of session-smart routers know it: titles between rules of `=`.

use core::fmt::Write as _;

use crate::args::Rows;
use crate::render::UNKNOWN;

/// `N` columns and their rows. A cell may have several lines.
pub(crate) struct Table<const N: usize> {
    titles: [&'static str; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(titles: [&'static str; N]) -> Self {
        Self {
            titles,
            rows: Vec::new(),
        }
    }

    pub(crate) fn with_rows(
        titles: [&'static str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Self {
        Self {
            titles,
            rows: rows.into_iter().collect(),
        }
    }

    pub(crate) fn push(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    /// The table as text, at most `rows` of it; what is left out is said below.
    pub(crate) fn render(&self, rows: Rows) -> String {
        let limit = match rows {
            Rows::All => usize::MAX,
            Rows::At(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        let shown: Vec<_> = self.rows.iter().take(limit).collect();
        let columns = self.columns(&shown);

        let mut text = String::new();
        let rule: Vec<_> = columns
            .iter()
            .map(|column| "=".repeat(column.width + 2))
            .collect();
        push_line(&mut text, &rule.join(" "));
        push_cells(&mut text, &columns, |_, column| (column.title, false));
        push_line(&mut text, &rule.join(" "));
        for row in &shown {
            let height = row
                .iter()
                .map(|cell| cell.lines().count())
                .max()
                .unwrap_or(0);
            for line in 0..height.max(1) {
                push_cells(&mut text, &columns, |index, column| {
                    let cell = row.get(index).map_or("", String::as_str);
                    (cell.lines().nth(line).unwrap_or_default(), column.is_number)
                });
            }
        }
        if shown.len() < self.rows.len() {
            // Writing to a String cannot fail.
            let (shown, all) = (shown.len(), self.rows.len());
            let _infallible = writeln!(
                text,
                "{shown} of {all} rows are shown: --rows all shows every one"
            );
        }
        text
    }

    fn columns(&self, shown: &[&[String; N]]) -> Vec<Column> {
        let column = |(index, title): (usize, &&'static str)| {
            let cells = || shown.iter().filter_map(|row| row.get(index));
            let widest = cells()
                .flat_map(|cell| cell.lines())
                .map(width)
                .max()
                .unwrap_or(0);
            let is_number = !shown.is_empty() && cells().all(|cell| is_number(cell));
            Column {
                title,
                width: widest.max(width(title)),
                is_number,
            }
        };
        self.titles.iter().enumerate().map(column).collect()
    }
}

struct Column {
    title: &'static str,
    width: usize,
    /// Numbers stand at the right, so that the larger one is the longer one.
    is_number: bool,
}

fn push_cells<'a>(
    text: &mut String,
    columns: &'a [Column],
    cell: impl Fn(usize, &'a Column) -> (&'a str, bool),
) {
    let mut line = String::new();
    for (index, column) in columns.iter().enumerate() {
        let (cell, at_the_right) = cell(index, column);
        let width = column.width;
        let _infallible = if at_the_right {
            write!(line, " {cell:>width$}  ")
        } else {
            write!(line, " {cell:<width$}  ")
        };
    }
    push_line(text, &line);
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

fn is_number(cell: &str) -> bool {
    cell == UNKNOWN || (!cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit()))
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table<3> {
        let row = |name: &str, count: &str, address: &str| {
            [name.to_owned(), count.to_owned(), address.to_owned()]
        };
        Table::with_rows(
            ["Name", "Count", "Address"],
            [
                row("lan", "1000", "192.0.2.1/24\n2001:db8:1::1/64"),
                row("wan", "--", "198.51.100.1/24"),
                row("spare", "7", ""),
            ],
        )
    }

    #[test]
    fn titles_stand_between_rules_and_numbers_at_the_right() {
        let expected = "\
======= ======= ==================
 Name    Count   Address
======= ======= ==================
 lan      1000   192.0.2.1/24
                 2001:db8:1::1/64
 wan        --   198.51.100.1/24
 spare       7
";
        assert_eq!(sample().render(Rows::All), expected);
    }

    #[test]
    fn what_is_left_out_is_said() {
        let text = sample().render(Rows::At(2));
        assert!(!text.contains("spare"), "{text}");
        assert!(
            text.ends_with("2 of 3 rows are shown: --rows all shows every one\n"),
            "{text}"
        );
    }

    #[test]
    fn an_empty_table_still_has_its_titles() {
        let text = Table::<1>::new(["Session Id"]).render(Rows::All);
        assert_eq!(text, "============\n Session Id\n============\n");
    }
}
