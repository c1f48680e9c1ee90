package inorder.jms;

import jakarta.jms.BytesMessage;
import jakarta.jms.JMSException;
import jakarta.jms.MapMessage;
import jakarta.jms.Message;
import jakarta.jms.Session;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The messages by their index: interfaces in turn, each with a counter of its own that the control id names. */
final class Orders {
    private static final String TEMPLATE = String.join("\r",
        "MSH|^~\\&|TEST|UPSTREAM|LAB|LAB|20260101120000||ORM^O01^ORM_O01|{controlId}|P|2.5",
        "PID|1||T{counter}||TEST^PERSON||19700101|U",
        "ORC|NW|{controlId}",
        "OBR|1|{controlId}||GLU^GLUCOSE^L",
        "");

    private final Options options;
    private final String template;
    private final String padding;

    Orders(Options options) throws IOException {
        this.options = options;
        this.template = options.template() == null ? TEMPLATE : Files.readString(Path.of(options.template()));
        this.padding = options.padBytes() == 0 ? "" : "NTE|1||" + "x".repeat(options.padBytes()) + "\r";
    }

    String interfaceOf(int index) {
        return options.interfaces().get(index % options.interfaces().size());
    }

    int counterOf(int index) {
        return options.start() + index / options.interfaces().size();
    }

    /** As the simulated laboratory reads it: `CODE.COUNTER` or `CODE.RUN.COUNTER`, at least six digits. */
    String controlIdOf(int index) {
        String run = options.run().isEmpty() ? "" : options.run() + ".";
        return interfaceOf(index) + "." + run + String.format("%06d", counterOf(index));
    }

    String messageIdOf(int index) {
        return "ID:" + controlIdOf(index);
    }

    String correlationOf(int index) {
        return "order " + controlIdOf(index);
    }

    String queueOf(int index) {
        return options.queue().replace("{interface}", interfaceOf(index));
    }

    Message messageOf(Session session, int index) throws JMSException {
        String controlId = controlIdOf(index);
        String body = template.replace("{controlId}", controlId)
            .replace("{interface}", interfaceOf(index))
            .replace("{counter}", Integer.toString(counterOf(index))) + padding;
        Message message = switch (kindOf(index)) {
            case "text" -> session.createTextMessage(body);
            case "bytes" -> bytes(session, body);
            case "map" -> map(session, body);
            default -> throw new IllegalArgumentException("--body is text, bytes, alternating or map");
        };
        message.setStringProperty(options.property(), interfaceOf(index));
        if (options.group()) message.setStringProperty("JMSXGroupID", interfaceOf(index));
        if (options.correlation()) message.setJMSCorrelationID(correlationOf(index));
        if (options.typedProperties()) setTyped(message);
        return message;
    }

    private String kindOf(int index) {
        if (!options.body().equals("alternating")) return options.body();
        return index % 2 == 0 ? "text" : "bytes";
    }

    private static Message bytes(Session session, String body) throws JMSException {
        BytesMessage message = session.createBytesMessage();
        message.writeBytes(body.getBytes(StandardCharsets.UTF_8));
        return message;
    }

    private static Message map(Session session, String body) throws JMSException {
        MapMessage message = session.createMapMessage();
        message.setString("body", body);
        return message;
    }

    /** One of each type that a JMS property can have. */
    private static void setTyped(Message message) throws JMSException {
        message.setJMSType("order");
        message.setBooleanProperty("aBoolean", true);
        message.setByteProperty("aByte", (byte) -8);
        message.setShortProperty("aShort", (short) 1600);
        message.setIntProperty("anInt", -320_000);
        message.setLongProperty("aLong", 6_400_000_000L);
        message.setLongProperty("theLongest", Long.MAX_VALUE);
        message.setFloatProperty("aFloat", 0.5f);
        message.setDoubleProperty("aDouble", -0.25);
        message.setStringProperty("aString", "gr\u00fc\u00df");
        message.setIntProperty("JMSXGroupSeq", 7);
    }
}
