package inorder.jms;

/** An exception as the application sees it. */
final class Failure {
    private Failure() {}

    static Json.Line of(Throwable error, String during) {
        Throwable cause = error.getCause();
        return new Json.Line()
            .put("during", during)
            .put("class", error.getClass().getName())
            .put("message", String.valueOf(error.getMessage()))
            .put("isJmsException", error instanceof jakarta.jms.JMSException)
            .put("cause", cause == null ? null : cause.getClass().getName());
    }
}
