//! Settings of a single operator: name, uid, parallelism, chaining, slots. They change the operator that was added
//! last and give back its stream.

use crate::environment::StreamExecutionEnvironment;
use crate::stream::DataStream;
use flott_core::MaxParallelism;
use flott_graph::{ChainingStrategy, NodeId, NodeKind, StreamNode};

impl<T> DataStream<T> {
    /// Names the operator's state, stable across versions of the job: what a checkpoint holds under this uid is given
    /// back to the operator that has it. Operators without one get theirs from their place in the job.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let sums = env.from_elements([1, 2, 3]).key_by(|n| n % 2).sum(|n| n).uid("sums");
    /// assert_eq!(sums.execute_and_collect("sums")?, [1, 2, 4]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn uid(&self, uid: &str) -> DataStream<T> {
        self.setting("uid", |env, node| set_uid(env, node, uid))
    }

    /// What the operator is called in logs, metrics and plans. A source stays a `Source: name`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).name("numbers").map(|n| n + 1).name("add one").blackhole();
    /// let plan = env.execution_plan("plan")?;
    /// assert!(plan.contains("Source: numbers -> add one -> Sink: Blackhole"), "{plan}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn name(&self, name: &str) -> DataStream<T> {
        self.setting("name", |env, node| set_name(env, node, name))
    }

    /// A longer text about the operator, for plans.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).map(|n| n + 1).set_description("counts from one, as people do").blackhole();
    /// assert!(env.execution_plan("plan")?.contains("Map: counts from one, as people do"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_description(&self, description: &str) -> DataStream<T> {
        self.setting("set_description", |env, node| set_description(env, node, description))
    }

    /// Number of the operator's subtasks.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_sequence(1, 100).map(|n| n).set_parallelism(2).blackhole();
    /// assert!(env.execution_plan("plan")?.contains("Map (parallelism 2)"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_parallelism(&self, parallelism: u32) -> DataStream<T> {
        self.setting("set_parallelism", |env, node| set_parallelism(env, node, parallelism))
    }

    /// Number of the operator's key groups: the largest parallelism that it can ever have.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let sums = env.from_elements([1, 2, 3]).key_by(|n| n % 2).sum(|n| n).set_max_parallelism(720);
    /// assert_eq!(sums.execute_and_collect("sums")?, [1, 2, 4]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_max_parallelism(&self, max_parallelism: u32) -> DataStream<T> {
        self.setting("set_max_parallelism", |env, node| set_max_parallelism(env, node, max_parallelism))
    }

    /// Operators of one group may run in the same slot; those of different groups never do. An operator is in its
    /// inputs' group unless it is put into another; the first group is called `default`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let heavy = env.from_elements([1, 2]).map(|n| n * n).slot_sharing_group("heavy");
    /// assert_eq!(heavy.execute_and_collect("squares")?, [1, 4]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn slot_sharing_group(&self, group: &str) -> DataStream<T> {
        self.setting("slot_sharing_group", |env, node| set_slot_sharing_group(env, node, group))
    }

    /// Starts a new task with this operator; those that follow may still be joined to it.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).map(|n| n + 1).start_new_chain().blackhole();
    /// assert!(env.execution_plan("plan")?.contains("2: Map -> Sink: Blackhole"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_new_chain(&self) -> DataStream<T> {
        self.setting("start_new_chain", |env, node| set_chaining(env, node, ChainingStrategy::Head))
    }

    /// Makes the operator a task of its own.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).map(|n| n + 1).disable_chaining().blackhole();
    /// assert!(env.execution_plan("plan")?.contains("3: Sink: Blackhole"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn disable_chaining(&self) -> DataStream<T> {
        self.setting("disable_chaining", |env, node| set_chaining(env, node, ChainingStrategy::Never))
    }

    /// Changes the operator whose output this is; if it is none's, that is a mistake.
    fn setting(&self, method: &str, set: impl FnOnce(&StreamExecutionEnvironment, NodeId)) -> DataStream<T> {
        match self.operator_node() {
            Some(node) => set(self.env(), node),
            None => {
                let first = self.outlets().first().map(|outlet| outlet.node);
                let what = format!(
                    "`{method}` is called on {} behind it; call it right behind the operator that it is for",
                    self.what()
                );
                self.env().draft().mistake(first, what);
            }
        }
        self.clone()
    }
}

pub(crate) fn set_uid(env: &StreamExecutionEnvironment, node: NodeId, uid: &str) {
    if uid.is_empty() {
        return env.draft().mistake(Some(node), "its uid is empty; give it a name that no other operator has");
    }
    change(env, node, |node| node.uid = Some(uid.to_owned()));
}

pub(crate) fn set_name(env: &StreamExecutionEnvironment, node: NodeId, name: &str) {
    change(env, node, |node| {
        node.name = match node.kind {
            NodeKind::Source(_) => format!("Source: {name}"),
            NodeKind::Operator(_) => name.to_owned(),
            NodeKind::Sink(_) => format!("Sink: {name}"),
        };
    });
}

pub(crate) fn set_description(env: &StreamExecutionEnvironment, node: NodeId, description: &str) {
    if let Some(remarks) = env.draft().remarks_mut(node) {
        remarks.description = Some(description.to_owned());
    }
}

pub(crate) fn set_parallelism(env: &StreamExecutionEnvironment, node: NodeId, parallelism: u32) {
    let mut draft = env.draft();
    let single = draft.remarks(node).and_then(|remarks| remarks.single);
    match (parallelism, single) {
        (0, _) => draft.mistake(Some(node), "its parallelism is 0; set at least 1"),
        (2.., Some(why)) => {
            draft.mistake(Some(node), format!("its parallelism is {parallelism}, but it has one subtask only: {why}"));
        }
        _ => {
            if let Some(node) = draft.node_mut(node) {
                node.parallelism = Some(parallelism);
            }
        }
    }
}

pub(crate) fn set_max_parallelism(env: &StreamExecutionEnvironment, node: NodeId, max_parallelism: u32) {
    match MaxParallelism::new(max_parallelism) {
        Ok(_) => change(env, node, |node| node.max_parallelism = Some(max_parallelism)),
        Err(error) => env.draft().mistake(Some(node), error.message()),
    }
}

pub(crate) fn set_slot_sharing_group(env: &StreamExecutionEnvironment, node: NodeId, group: &str) {
    change(env, node, |node| node.slot_sharing_group = Some(group.to_owned()));
}

pub(crate) fn set_chaining(env: &StreamExecutionEnvironment, node: NodeId, chaining: ChainingStrategy) {
    change(env, node, |node| node.chaining = chaining);
}

/// Makes a node run in one subtask for good.
pub(crate) fn set_single(env: &StreamExecutionEnvironment, node: NodeId, why: &'static str) {
    change(env, node, |node| node.parallelism = Some(1));
    if let Some(remarks) = env.draft().remarks_mut(node) {
        remarks.single = Some(why);
    }
}

fn change(env: &StreamExecutionEnvironment, node: NodeId, set: impl FnOnce(&mut StreamNode)) {
    if let Some(node) = env.draft().node_mut(node) {
        set(node);
    }
}
