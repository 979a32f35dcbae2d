//! Processes of writers on one log: started, killed, started again, told to finish, and what they
//! recorded put together.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use meguri_log::Position;
use meguri_simulation::history::{History, Moment};
use tempfile::TempDir;

use crate::{
    chance::Chance,
    load::Orders,
    record::{Began, collect},
};

/// How often two clocks are compared; the closest comparison counts.
const COMPARISONS: usize = 20;

/// Some processes of writers.
#[derive(Debug)]
pub struct Fleet {
    program: PathBuf,
    orders: Orders,
    folder: TempDir,
    began: Instant,
    chance: Chance,
    processes: Vec<Process>,
    /// The records of processes that are gone.
    ended: Vec<(PathBuf, Began)>,
    launched: usize,
}

#[derive(Debug)]
struct Process {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    began: Began,
    orders: Orders,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Fleet {
    /// No process yet; each will be this program under such orders, with a number, a seed and
    /// records of its own.
    ///
    /// # Panics
    /// Where there is no room for records.
    pub fn new(program: &Path, orders: Orders, chance: &mut Chance) -> Self {
        Self {
            program: program.to_owned(),
            orders,
            folder: tempfile::tempdir().expect("a folder for records"),
            began: Instant::now(),
            chance: Chance::seeded(chance.draw()),
            processes: Vec::new(),
            ended: Vec::new(),
            launched: 0,
        }
    }

    /// Starts one more. It reaches the log by these addresses, and waits this long for answers.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn launch(&mut self, log: &str, vault: &str, answer_within: u64) {
        let number = self.processes.len() as u64;
        let orders = Orders {
            log: log.to_owned(),
            vault: vault.to_owned(),
            answer_within,
            number,
            ..self.orders.clone()
        };
        let process = self.begin(orders);
        self.processes.push(process);
    }

    fn begin(&mut self, orders: Orders) -> Process {
        self.launched += 1;
        let name = format!("{}-{}", orders.number, self.launched);
        let orders = Orders {
            seed: self.chance.draw(),
            records: self.folder.path().join(name),
            ..orders
        };
        let mut child = Command::new(&self.program)
            .arg(serde_json::to_string(&orders).expect("orders are JSON"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process of writers starts");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut process = Process {
            child,
            input,
            output,
            began: Began {
                earliest: 0,
                latest: u64::MAX,
            },
            orders,
        };
        for _ in 0..COMPARISONS {
            process.compare_clocks(self.began);
        }
        process
    }

    /// Kills one in the middle of what it does, and starts another in its place, which settles what
    /// the first left open.
    ///
    /// # Panics
    /// Where the new one does not start.
    pub fn kill(&mut self, index: usize) {
        let mut process = self.processes.remove(index);
        process.child.kill().expect("it is killed");
        process.child.wait().expect("it has ended");
        let records = process.orders.records.clone();
        self.ended.push((records.clone(), process.began));
        let next = self.begin(Orders {
            before: Some(records),
            ..process.orders.clone()
        });
        self.processes.insert(index, next);
    }

    /// This moment, by the clock of what they recorded.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.processes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// Panics where one has ended by itself.
    ///
    /// # Panics
    /// Then.
    pub fn assert_alive(&mut self) {
        for process in &mut self.processes {
            let ended = process.child.try_wait().expect("it can be asked");
            assert_eq!(ended, None, "a process of writers has ended by itself");
        }
    }

    /// Lets all writers finish what they do. No fault may happen any more.
    ///
    /// # Panics
    /// Where one does not.
    pub fn stop(&mut self) {
        for process in &mut self.processes {
            process.tell("stop");
        }
        for process in &mut self.processes {
            process.hear("written");
        }
    }

    /// Lets all followers come to this position, where the log ends, and gives back what everybody
    /// recorded; the log itself is not in it yet.
    ///
    /// # Panics
    /// Where they do not.
    pub fn finish(mut self, end: Position) -> History {
        for process in &mut self.processes {
            process.tell(&format!("reach {end}"));
        }
        let mut history = History::default();
        for (records, began) in &self.ended {
            collect(records, *began, None, &mut history);
        }
        for process in &mut self.processes {
            process.hear("done");
            let records = &process.orders.records;
            collect(records, process.began, Some(end), &mut history);
        }
        history
    }
}

impl Process {
    fn tell(&mut self, order: &str) {
        writeln!(self.input, "{order}").expect("it takes orders");
        self.input.flush().expect("it takes orders");
    }

    fn next(&mut self) -> String {
        let line = self.output.next().expect("it has not ended");
        line.expect("it is heard")
    }

    fn hear(&mut self, expected: &str) {
        assert_eq!(self.next(), expected);
    }

    /// Learns when the moment zero of its clock was, from a question and its answer.
    fn compare_clocks(&mut self, began: Instant) {
        let now = || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let before = now();
        self.tell("clock");
        let shown: u64 = self.next().parse().expect("a number of nanoseconds");
        let after = now();
        let (earliest, latest) = (before.saturating_sub(shown), after.saturating_sub(shown));
        self.began = Began {
            earliest: earliest.max(self.began.earliest),
            latest: latest.min(self.began.latest),
        };
    }
}
