//! A strict reader of Prometheus' text format 0.0.4, written from its description: each family's HELP and TYPE before its
//! samples, no family and no series twice, names and labels as they may be, histograms that add up.

use std::collections::{BTreeMap, BTreeSet};

/// Labels, in order of their names.
pub type Labels = BTreeMap<String, String>;

/// What a family says.
#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub help: String,
    /// Name with suffix, and labels, to the value.
    pub samples: BTreeMap<(String, Labels), f64>,
}

/// Families by name.
#[derive(Debug, Default)]
pub struct Exposition(pub BTreeMap<String, Family>);

impl Exposition {
    /// Reads a whole exposition.
    ///
    /// # Panics
    /// If anything is not as it should be.
    pub fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends");
        let (mut families, mut current) = (BTreeMap::<String, Family>::new(), String::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("HELP has a text");
                assert!(is_name(name), "{name}");
                let family = Family { help: help.to_owned(), ..Family::default() };
                assert!(families.insert(name.to_owned(), family).is_none(), "{name} twice");
                current = name.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("TYPE has a type");
                assert_eq!(name, current, "TYPE follows the family's HELP");
                let family = families.get_mut(name).expect("it has a HELP");
                assert!(family.kind.is_empty() && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
                family.kind = kind.to_owned();
            } else {
                let (name, labels, value) = sample(line);
                let family = families.get_mut(&current).expect("a sample after its family's HELP");
                let suffix = name.strip_prefix(&current).unwrap_or_else(|| panic!("{name} is not of {current}"));
                let fits = match family.kind.as_str() {
                    "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
                    _ => suffix.is_empty(),
                };
                assert!(fits, "{line} in a {}", family.kind);
                assert!(family.samples.insert((name, labels), value).is_none(), "{line}: twice");
            }
        }
        let exposition = Self(families);
        exposition.0.iter().filter(|(_, family)| family.kind == "histogram").for_each(|(name, family)| {
            check_histogram(name, family);
        });
        exposition
    }

    /// The value of a series.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let family = self.0.get(name).unwrap_or_else(|| panic!("no {name}"));
        *family.samples.get(&(name.to_owned(), labels.clone())).unwrap_or_else(|| panic!("no {name} {labels:?}"))
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
    name.bytes().all(fits) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Name, labels and value of a line.
fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}: a name and a value"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}: a label and its value"));
            assert!(is_name(label) && !label.contains(':'), "{line}");
            let (value, after) = quoted(after);
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}: a label twice");
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}: a value"));
    let value = value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
    (name.to_owned(), labels, value)
}

/// A label's value up to its quotation mark, and what comes after.
fn quoted(text: &str) -> (String, &str) {
    let (mut value, mut characters) = (String::new(), text.char_indices());
    loop {
        match characters.next().expect("a value ends") {
            (at, '"') => return (value, &text[at + 1..]),
            (_, '\\') => match characters.next().expect("something is escaped").1 {
                'n' => value.push('\n'),
                escaped @ ('"' | '\\') => value.push(escaped),
                other => panic!("\\{other} is no escape"),
            },
            (_, character) => value.push(character),
        }
    }
}

fn check_histogram(name: &str, family: &Family) {
    let mut limits: Vec<(f64, f64)> = Vec::new();
    for ((sample, labels), value) in &family.samples {
        if sample.ends_with("_bucket") {
            let limit = if labels["le"] == "+Inf" { f64::INFINITY } else { labels["le"].parse().expect("a limit") };
            limits.push((limit, *value));
        }
    }
    limits.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(limits.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{name} grows");
    let last = limits.last().expect("a bucket");
    let count = family.samples[&(format!("{name}_count"), Labels::new())];
    assert_eq!(*last, (f64::INFINITY, count), "{name}: the last bucket has all");
}

#[test]
fn the_reader_refuses_what_is_no_exposition() {
    let refused = [
        "x 1\n",
        "# HELP x y\n# TYPE x counter\nx 1",
        "# HELP x y\n# TYPE x counter\nx 1\nx 2\n",
        "# HELP x y\n# TYPE x counter\nz 1\n",
        "# HELP x y\n# TYPE x counter\nx{a=\"b} 1\n",
        "# HELP x y\n# TYPE x counter\nx{a=\"b\"} one\n",
        "# HELP x y\n# TYPE x histogram\nx_bucket{le=\"1\"} 2\nx_bucket{le=\"+Inf\"} 1\nx_sum 1\nx_count 1\n",
    ];
    for text in refused {
        assert!(std::panic::catch_unwind(|| Exposition::parse(text)).is_err(), "{text}");
    }
    let read = Exposition::parse("# HELP x y\n# TYPE x gauge\nx{a=\"b\\\"\\\\\\n\",c=\"\"} -1.5e3\n");
    assert_eq!(read.value("x", &[("a", "b\"\\\n"), ("c", "")]), -1500.0);
    let series: BTreeSet<_> = read.0["x"].samples.keys().collect();
    assert_eq!(series.len(), 1);
}
