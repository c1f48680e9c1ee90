package inorder.jms;

import jakarta.jms.Connection;
import jakarta.jms.Destination;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.Session;
import jakarta.jms.TextMessage;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** What came back: one reply a message is expected, told by its correlation id. Outlives connections. */
final class Replies {
    private static final int SAMPLES_MAX = 5;

    private final Map<String, Integer> byCorrelation = new HashMap<>();
    private final Map<String, Integer> byOutcome = new TreeMap<>();
    private final List<Json.Line> samples = new ArrayList<>();
    private int received;

    /** A session of its own: a session with a listener may not be used to send. */
    Destination listen(Connection connection, String replyTo) throws JMSException {
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Destination to = replyTo.equals("temporary") ? session.createTemporaryQueue() : session.createQueue(replyTo);
        session.createConsumer(to).setMessageListener(this::take);
        return to;
    }

    private synchronized void take(Message message) {
        try {
            received++;
            byCorrelation.merge(String.valueOf(message.getJMSCorrelationID()), 1, Integer::sum);
            byOutcome.merge(String.valueOf(message.getStringProperty("inorderOutcome")), 1, Integer::sum);
            if (samples.size() < SAMPLES_MAX) samples.add(shown(message));
        } catch (JMSException unreadable) {
            byOutcome.merge("unreadable", 1, Integer::sum);
        }
        notifyAll();
    }

    /** Waits until each of them has its reply, or the time is over. */
    synchronized void await(Set<String> expected, int ms) throws InterruptedException {
        long until = System.nanoTime() + ms * 1_000_000L;
        while (!byCorrelation.keySet().containsAll(expected)) {
            long left = (until - System.nanoTime()) / 1_000_000L;
            if (left <= 0) return;
            wait(left);
        }
    }

    synchronized Json.Line result(Set<String> expected) {
        Set<String> answered = new HashSet<>(expected);
        answered.retainAll(byCorrelation.keySet());
        int foreign = byCorrelation.entrySet().stream()
            .filter(entry -> !expected.contains(entry.getKey())).mapToInt(Map.Entry::getValue).sum();
        return new Json.Line()
            .put("received", received)
            .put("answered", answered.size())
            .put("unanswered", expected.size() - answered.size())
            .put("repeated", received - foreign - answered.size())
            .put("foreign", foreign)
            .put("byOutcome", byOutcome)
            .put("samples", samples);
    }

    static Json.Line shown(Message message) throws JMSException {
        Map<String, Object> properties = new TreeMap<>();
        Enumeration<?> names = message.getPropertyNames();
        while (names.hasMoreElements()) {
            String name = String.valueOf(names.nextElement());
            properties.put(name, message.getObjectProperty(name));
        }
        return new Json.Line()
            .put("messageId", message.getJMSMessageID())
            .put("correlationId", message.getJMSCorrelationID())
            .put("persistent", message.getJMSDeliveryMode() == jakarta.jms.DeliveryMode.PERSISTENT)
            .put("expiresInMs", message.getJMSExpiration() == 0 ? 0 : message.getJMSExpiration() - System.currentTimeMillis())
            .put("redelivered", message.getJMSRedelivered())
            .put("properties", properties)
            .put("text", message instanceof TextMessage text ? text.getText() : null);
    }
}
