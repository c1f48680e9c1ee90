package inorder.jms;

import jakarta.jms.Connection;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.Session;
import java.util.ArrayList;
import java.util.List;
import org.apache.qpid.jms.JmsConnectionFactory;

/** Takes messages off a queue: what a dead-letter queue holds, or why nothing can be consumed. */
final class ReceiveRun {
    private final Options options;

    ReceiveRun(Options options) {
        this.options = options;
    }

    Json.Line run() {
        List<Json.Line> messages = new ArrayList<>();
        Json.Line result = new Json.Line().put("messages", messages);
        String during = "connect";
        try (Connection connection = new JmsConnectionFactory(options.user(), options.password(), options.url(0)).createConnection()) {
            connection.start();
            during = "session";
            Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            during = "consumer";
            MessageConsumer consumer = session.createConsumer(session.createQueue(options.queue()));
            during = "receive";
            while (messages.size() < options.count()) {
                Message message = consumer.receive(options.waitMs());
                if (message == null) break;
                messages.add(Replies.shown(message));
            }
        } catch (JMSException failed) {
            result.put("error", Failure.of(failed, during));
        }
        return result;
    }
}
