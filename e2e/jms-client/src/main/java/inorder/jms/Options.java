package inorder.jms;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What the command line asks for. */
final class Options {
    static final String USAGE = """
        send --url URL --queue NAME [--user U --password P] [--count 1] [--rate 0: messages per second, 0 for all]
             [--interfaces CODE,CODE] [--property interface] [--start 1: first counter] [--run WORD]
             [--body text|bytes|alternating|map] [--template FILE with {controlId} {interface} {counter}] [--pad-bytes 0]
             [--typed-properties] [--group] [--correlation] [--reply-to temporary|NAME] [--reply-wait-ms 10000]
             [--non-persistent] [--transacted N] [--rollback-every K] [--confirm sync|async] [--in-flight 1000]
             [--ids stable|library|none] [--retry] [--give-up-ms 60000] [--progress] [--leash]
             {interface} in --queue stands for the interface of the message. --url may list several, separated by blanks:
             with --retry each connection takes the next. A failover: URL goes with --confirm sync only.
        receive --url URL --queue NAME [--user U --password P] [--count 1] [--wait-ms 5000]""";

    private static final Set<String> FLAGS =
        Set.of("typed-properties", "group", "correlation", "non-persistent", "retry", "progress", "leash");
    private static final Set<String> VALUES = Set.of(
        "url", "queue", "user", "password", "count", "rate", "interfaces", "property", "start", "run", "body", "template",
        "pad-bytes", "reply-to", "reply-wait-ms", "transacted", "rollback-every", "confirm", "in-flight", "ids",
        "give-up-ms", "wait-ms");

    private final String mode;
    private final Map<String, String> given = new HashMap<>();

    private Options(String mode) {
        this.mode = mode;
    }

    static Options parse(String[] arguments) {
        if (arguments.length == 0 || !List.of("send", "receive").contains(arguments[0])) {
            throw new IllegalArgumentException("the first argument is send or receive");
        }
        Options options = new Options(arguments[0]);
        for (int i = 1; i < arguments.length; i++) {
            String name = arguments[i].startsWith("--") ? arguments[i].substring(2) : "";
            if (FLAGS.contains(name)) options.given.put(name, "true");
            else if (VALUES.contains(name) && i + 1 < arguments.length) options.given.put(name, arguments[++i]);
            else throw new IllegalArgumentException("not known, or without its value: " + arguments[i]);
        }
        options.required("url");
        options.required("queue");
        // Qpid JMS fails what was under way when a connection is lost and sends on what was asked for meanwhile: out of order.
        if (options.async() && options.url(0).startsWith("failover:")) {
            throw new IllegalArgumentException("--confirm async keeps no order over a failover: URL; use --retry");
        }
        return options;
    }

    private String required(String name) {
        String value = given.get(name);
        if (value == null) throw new IllegalArgumentException("--" + name + " is missing");
        return value;
    }

    private boolean is(String name) {
        return given.containsKey(name);
    }

    private int number(String name, int otherwise) {
        return is(name) ? Integer.parseInt(given.get(name)) : otherwise;
    }

    String mode() { return mode; }
    /** Of a connection, counted from 0. */
    String url(int connection) {
        String[] urls = required("url").trim().split("\\s+");
        return urls[connection % urls.length];
    }

    String queue() { return required("queue"); }
    String user() { return given.get("user"); }
    String password() { return given.get("password"); }
    int count() { return number("count", 1); }
    int rate() { return number("rate", 0); }
    List<String> interfaces() { return List.of(given.getOrDefault("interfaces", "LAB-0001").split(",")); }
    String property() { return given.getOrDefault("property", "interface"); }
    int start() { return number("start", 1); }
    String run() { return given.getOrDefault("run", ""); }
    String body() { return given.getOrDefault("body", "text"); }
    String template() { return given.get("template"); }
    int padBytes() { return number("pad-bytes", 0); }
    boolean typedProperties() { return is("typed-properties"); }
    boolean group() { return is("group"); }
    boolean correlation() { return is("correlation"); }
    /** `temporary`, a queue's name, or null. */
    String replyTo() { return given.get("reply-to"); }
    int replyWaitMs() { return number("reply-wait-ms", 10_000); }
    boolean persistent() { return !is("non-persistent"); }
    /** Messages of one transaction; 0: no transactions. */
    int transacted() { return number("transacted", 0); }
    /** Every so many transactions one is rolled back and its messages are never sent again; 0: none. */
    int rollbackEvery() { return number("rollback-every", 0); }
    boolean async() { return given.getOrDefault("confirm", "sync").equals("async"); }
    int inFlight() { return number("in-flight", 1000); }
    /** `stable`: a message sent again keeps its id · `library`: Qpid JMS gives each send a new one · `none`. */
    String ids() { return given.getOrDefault("ids", "stable"); }
    boolean retry() { return is("retry"); }
    int giveUpMs() { return number("give-up-ms", 60_000); }
    boolean progress() { return is("progress"); }
    boolean leash() { return is("leash"); }
    int waitMs() { return number("wait-ms", 5_000); }
}
