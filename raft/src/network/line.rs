//! One stream for many heartbeats: opening one costs more than what is said on it.

use std::time::Duration;

use futures::{StreamExt, stream};
use proto::raft::{Reply, Request};
use tokio::sync::mpsc;

use super::client::Client;
use super::transport::{Failure, Replies};

/// An open stream on which every question has had its answer.
pub(super) struct Line {
    questions: mpsc::Sender<Request>,
    answers: Replies,
}

/// Opens a stream with `client`'s member.
pub(super) async fn open(
    client: &Client,
    requests: stream::BoxStream<'static, Request>,
    patience: Duration,
) -> Result<Replies, Failure> {
    let streaming = client
        .peers
        .streaming()
        .ok_or_else(|| Failure::Unsent("this transport has no streams".to_owned()))?;
    streaming
        .append(client.to()?, client.lane, requests, patience)
        .await
}

impl Line {
    /// Asks `question` on `line`, or on a new one. The line comes back with the answer: whoever stops
    /// waiting leaves it, so that no answer is taken for that to a later question.
    pub(super) async fn ask(
        line: Option<Self>,
        client: &Client,
        question: Request,
        patience: Duration,
    ) -> Result<(Self, Reply), Failure> {
        if let Some(mut line) = line
            && line.questions.send(question.clone()).await.is_ok()
            && let Some(Ok(reply)) = line.answers.next().await
        {
            return Ok((line, reply));
        }
        // There was none, or it had broken.
        let (questions, asked) = mpsc::channel(1);
        let ended = |_| Failure::Broken("the stream ended".to_owned());
        questions.send(question).await.map_err(ended)?;
        let asked = stream::unfold(asked, |mut asked| async move {
            let question = asked.recv().await?;
            Some((question, asked))
        });
        let mut answers = open(client, asked.boxed(), patience).await?;
        let reply = answers.next().await;
        let reply = reply.unwrap_or_else(|| Err(Failure::Broken("no answer came".to_owned())))?;
        Ok((Self { questions, answers }, reply))
    }
}
