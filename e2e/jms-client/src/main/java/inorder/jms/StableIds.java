package inorder.jms;

import org.apache.qpid.jms.JmsDestination;
import org.apache.qpid.jms.JmsSession;
import org.apache.qpid.jms.message.JmsMessageIDBuilder;
import org.apache.qpid.jms.policy.JmsMessageIDPolicy;

/**
 * Message ids of the application's own. Qpid JMS makes a new id for each call of send, so that an application which sends
 * again after a lost connection would hand over what every receiver must take for another message.
 */
final class StableIds implements JmsMessageIDPolicy {
    private String next = "";

    /** Of the next send; sends are made by one thread. */
    void next(String id) {
        next = id;
    }

    @Override
    public JmsMessageIDPolicy copy() {
        // The factory copies its policy for each connection; all of them are to ask this one.
        return this;
    }

    @Override
    public JmsMessageIDBuilder getMessageIDBuilder(JmsSession session, JmsDestination destination) {
        return (producerId, sequence) -> next;
    }
}
