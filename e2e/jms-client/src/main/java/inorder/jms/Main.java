package inorder.jms;

/**
 * A JMS client for tests, on Apache Qpid JMS. One JSON line on standard output says what came of it; with --progress,
 * one line a fifth of a second on standard error. Exit 0: all that was asked is done; 1: the result names an error;
 * 2: wrong use.
 */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        Options options;
        try {
            options = Options.parse(arguments);
        } catch (IllegalArgumentException wrong) {
            System.err.println(wrong.getMessage());
            System.err.println(Options.USAGE);
            System.exit(2);
            return;
        }
        if (options.leash()) Leash.hold();
        Json.Line result = options.mode().equals("send") ? new SendRun(options).run() : new ReceiveRun(options).run();
        System.out.println(result);
        System.out.flush();
        // Threads of the library may outlive a connection that never came about.
        Runtime.getRuntime().halt(result.has("error") ? 1 : 0);
    }
}
