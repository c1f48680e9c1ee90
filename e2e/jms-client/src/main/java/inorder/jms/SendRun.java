package inorder.jms;

import jakarta.jms.CompletionListener;
import jakarta.jms.Connection;
import jakarta.jms.DeliveryMode;
import jakarta.jms.Destination;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageProducer;
import jakarta.jms.Session;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.qpid.jms.JmsConnectionFactory;

/**
 * Sends messages in the order of their index over one connection, session and thread, and remembers what became of each.
 *
 * States of a message: OPEN (not known to be taken) → CONFIRMED · REFUSED (the peer said why) · ROLLED_BACK (by us; never
 * sent again). After anything but a confirmation nothing new is sent until all that is under way has ended; then it goes on
 * from the oldest OPEN message, so that the order of an interface survives a lost connection. What was taken without our
 * hearing of it is sent twice, under the same message id (--ids stable).
 */
final class SendRun {
    private enum State { OPEN, CONFIRMED, REFUSED, ROLLED_BACK }

    private static final int FAILURES_SHOWN_MAX = 10;
    private static final long PROGRESS_EVERY_NS = 200_000_000L;
    /** The peer's closing of a link and the end of what was under way on it are told by different threads. */
    private static final long SETTLE_MS = 50;
    private static final long RETRY_MS = 200;

    private final Options options;
    private final Orders orders;
    private final StableIds ids = new StableIds();
    private final Replies replies = new Replies();
    private final Set<String> expectedReplies = new HashSet<>();
    private final List<Json.Line> failures = new ArrayList<>();
    private final State[] states;
    /** Exceptions of this attempt by index, until it is clear whether they concern the message or the connection. */
    private final Map<Integer, Exception> doubtful = new HashMap<>();
    private int confirmed;
    private int refused;
    private int rolledBack;
    private int sends;
    private int attempts;
    private int batches;
    private int inFlight;
    private int oldestOpen;
    private long progressAtNs = System.nanoTime();
    private long reportedAtNs;
    private String during = "connect";

    SendRun(Options options) throws IOException {
        this.options = options;
        this.orders = new Orders(options);
        this.states = new State[options.count()];
        java.util.Arrays.fill(states, State.OPEN);
    }

    Json.Line run() throws InterruptedException {
        long startedAtNs = System.nanoTime();
        Json.Line result = new Json.Line();
        Exception last = null;
        while (true) {
            try {
                attempt(startedAtNs);
                last = null;
                break;
            } catch (JMSException | RuntimeException failed) {
                last = failed;
                if (!options.retry() || overdue()) break;
                Thread.sleep(RETRY_MS);
            }
        }
        synchronized (this) {
            result.put("sent", sends)
                .put("confirmed", confirmed)
                .put("failed", refused)
                .put("open", states.length - confirmed - refused - rolledBack)
                .put("rolledBack", rolledBack)
                .put("connections", attempts)
                .put("ms", (System.nanoTime() - startedAtNs) / 1_000_000)
                .put("failures", failures)
                .put("replies", options.replyTo() == null ? null : replies.result(expectedReplies))
                .put("error", last == null ? null : Failure.of(last, during));
        }
        return result;
    }

    /** One connection, from opening to the end of all messages. */
    private void attempt(long startedAtNs) throws JMSException, InterruptedException {
        during = "connect";
        attempts++;
        JmsConnectionFactory factory = new JmsConnectionFactory(options.user(), options.password(), options.url(attempts - 1));
        if (options.ids().equals("stable")) factory.setMessageIDPolicy(ids);
        try (Connection connection = factory.createConnection()) {
            connection.start();
            during = "session";
            boolean transacted = options.transacted() > 0;
            Session session = connection.createSession(transacted, transacted ? Session.SESSION_TRANSACTED : Session.AUTO_ACKNOWLEDGE);
            during = "reply queue";
            Destination replyTo = options.replyTo() == null ? null : replies.listen(connection, options.replyTo());
            Producers producers = new Producers(session, replyTo);
            while (goBack() < states.length) {
                if (transacted) sendTransactions(session, producers, startedAtNs);
                else sendPlain(producers, startedAtNs);
                judgeDoubtful(connection, producers);
            }
            if (replyTo != null) {
                during = "replies";
                replies.await(expectedReplies, options.replyWaitMs());
            }
            during = "close";
        } finally {
            awaitInFlight(0);
            forgetDoubtful();
        }
    }

    /** What is in doubt at the end of a connection is OPEN still: the next connection begins with it. */
    private synchronized void forgetDoubtful() {
        if (!options.retry()) doubtful.forEach(this::showFailure);
        doubtful.clear();
    }

    /** Producers of one session by queue. */
    private final class Producers {
        private final Session session;
        private final Destination replyTo;
        private final Map<String, MessageProducer> byQueue = new HashMap<>();

        Producers(Session session, Destination replyTo) {
            this.session = session;
            this.replyTo = replyTo;
        }

        /** Apart from `send`: what goes wrong here concerns the queue and no message. */
        void prepare(int index) throws JMSException {
            String queue = orders.queueOf(index);
            MessageProducer producer = byQueue.get(queue);
            if (producer == null) {
                during = "producer";
                producer = session.createProducer(session.createQueue(queue));
                producer.setDeliveryMode(options.persistent() ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT);
                producer.setDisableMessageID(options.ids().equals("none"));
                byQueue.put(queue, producer);
            }
        }

        void send(int index, CompletionListener listener) throws JMSException {
            during = "send";
            MessageProducer producer = byQueue.get(orders.queueOf(index));
            Message message = orders.messageOf(session, index);
            if (replyTo != null) message.setJMSReplyTo(replyTo);
            ids.next(orders.messageIdOf(index));
            try {
                if (listener == null) producer.send(message);
                else producer.send(message, listener);
            } finally {
                expectReply(index, message);
            }
        }

        /** The library closes a producer whose link, session or connection has ended. */
        boolean closed() {
            for (MessageProducer producer : byQueue.values()) {
                try {
                    producer.getDestination();
                } catch (JMSException closed) {
                    return true;
                }
            }
            return false;
        }
    }

    /** The correlation id if there is one, else the message id, which the library gives while it sends. */
    private synchronized void expectReply(int index, Message message) throws JMSException {
        sends++;
        if (options.replyTo() == null) return;
        expectedReplies.add(options.correlation() ? orders.correlationOf(index)
            : options.ids().equals("stable") ? orders.messageIdOf(index) : message.getJMSMessageID());
    }

    private void sendPlain(Producers producers, long startedAtNs) throws JMSException, InterruptedException {
        for (int index = goBack(); index < states.length && !inDoubt(); index++) {
            if (stateOf(index) != State.OPEN) continue;
            pace(index, startedAtNs);
            if (options.async()) {
                awaitInFlight(options.inFlight() - 1);
                if (inDoubt()) break;
                producers.prepare(index);
                sendAsync(producers, index);
            } else {
                producers.prepare(index);
                try {
                    producers.send(index, null);
                    confirm(index);
                } catch (JMSException failed) {
                    doubt(index, failed);
                }
            }
            report(false);
        }
        awaitInFlight(0);
    }

    private void sendAsync(Producers producers, int index) throws JMSException {
        synchronized (this) {
            inFlight++;
        }
        try {
            producers.send(index, new CompletionListener() {
                @Override
                public void onCompletion(Message message) {
                    confirm(index);
                    landed();
                }

                @Override
                public void onException(Message message, Exception failed) {
                    doubt(index, failed);
                    landed();
                }
            });
        } catch (JMSException failed) {
            landed();
            throw failed;
        }
    }

    private void sendTransactions(Session session, Producers producers, long startedAtNs) throws JMSException, InterruptedException {
        while (goBack() < states.length) {
            List<Integer> batch = new ArrayList<>();
            for (int index = goBack(); index < states.length && batch.size() < options.transacted(); index++) {
                if (stateOf(index) != State.OPEN) continue;
                pace(index, startedAtNs);
                producers.prepare(index);
                producers.send(index, null);
                batch.add(index);
            }
            batches++;
            if (options.rollbackEvery() > 0 && batches % options.rollbackEvery() == 0) {
                during = "rollback";
                session.rollback();
                rollBack(batch);
            } else {
                during = "commit";
                session.commit();
                batch.forEach(this::confirm);
            }
            report(false);
        }
    }

    /** With connection and producer still there a failure was the message's own; else nobody knows, and it is sent again. */
    private void judgeDoubtful(Connection connection, Producers producers) throws JMSException, InterruptedException {
        if (!inDoubt()) return;
        // What the peer said before its answer has come by then; the library may still be telling it on.
        boolean gone = !answers(connection);
        Thread.sleep(SETTLE_MS);
        boolean lost = gone || producers.closed();
        JMSException again = null;
        synchronized (this) {
            for (Map.Entry<Integer, Exception> entry : List.copyOf(doubtful.entrySet())) {
                int index = entry.getKey();
                Exception failed = entry.getValue();
                if (lost || isReleased(failed)) {
                    again = failed instanceof JMSException jms ? jms : new JMSException(String.valueOf(failed));
                    continue;
                }
                doubtful.remove(index);
                showFailure(index, failed);
                states[index] = State.REFUSED;
                refused++;
                progressAtNs = System.nanoTime();
            }
        }
        if (again != null) throw again;
    }

    /** One exchange with the peer: a connection that has just broken need not know it yet. */
    private static boolean answers(Connection connection) {
        try {
            connection.createSession(false, Session.AUTO_ACKNOWLEDGE).close();
            return true;
        } catch (JMSException broken) {
            return false;
        }
    }

    private void showFailure(int index, Exception failed) {
        if (failures.size() >= FAILURES_SHOWN_MAX) return;
        failures.add(Failure.of(failed, during).put("controlId", orders.controlIdOf(index)));
    }

    /** Given back by the peer, which takes it later. */
    private static boolean isReleased(Exception failed) {
        String name = failed.getClass().getSimpleName();
        return name.contains("Released") || name.contains("Modified");
    }

    /** @return the oldest message that is still to be sent, or their number. */
    private synchronized int goBack() {
        while (oldestOpen < states.length && states[oldestOpen] != State.OPEN) oldestOpen++;
        return oldestOpen;
    }

    private synchronized State stateOf(int index) {
        return states[index];
    }

    private synchronized void confirm(int index) {
        if (states[index] != State.OPEN) return;
        states[index] = State.CONFIRMED;
        confirmed++;
        progressAtNs = System.nanoTime();
    }

    private synchronized void rollBack(List<Integer> batch) {
        for (int index : batch) {
            states[index] = State.ROLLED_BACK;
            rolledBack++;
            expectedReplies.remove(options.correlation() ? orders.correlationOf(index) : orders.messageIdOf(index));
        }
    }

    private synchronized void doubt(int index, Exception failed) {
        doubtful.put(index, failed);
    }

    private synchronized boolean inDoubt() {
        return !doubtful.isEmpty();
    }

    private synchronized void landed() {
        inFlight--;
        notifyAll();
    }

    private synchronized void awaitInFlight(int most) throws InterruptedException {
        while (inFlight > most) {
            report(false);
            wait(200);
            if (overdue()) return;
        }
    }

    private synchronized boolean overdue() {
        return System.nanoTime() - progressAtNs > options.giveUpMs() * 1_000_000L;
    }

    private void pace(int index, long startedAtNs) throws InterruptedException {
        if (options.rate() == 0) return;
        long dueAtNs = startedAtNs + index * 1_000_000_000L / options.rate();
        long waitNs = dueAtNs - System.nanoTime();
        if (waitNs > 0) Thread.sleep(waitNs / 1_000_000, (int) (waitNs % 1_000_000));
    }

    private synchronized void report(boolean last) {
        if (!options.progress()) return;
        long nowNs = System.nanoTime();
        if (!last && nowNs - reportedAtNs < PROGRESS_EVERY_NS) return;
        reportedAtNs = nowNs;
        System.err.println(new Json.Line().put("sent", sends).put("confirmed", confirmed).put("connections", attempts));
    }
}
