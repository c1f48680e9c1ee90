package inorder.jms;

import java.io.IOException;

/** Ends this process when its starter is gone: standard input is a pipe that only the starter holds. */
final class Leash {
    private Leash() {}

    static void hold() {
        Thread thread = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    // Nothing is ever said; only the end counts.
                }
            } catch (IOException gone) {
                // As good as the end.
            }
            Runtime.getRuntime().halt(3);
        }, "leash");
        thread.setDaemon(true);
        thread.start();
    }
}
