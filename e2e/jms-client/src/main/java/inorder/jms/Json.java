package inorder.jms;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.StringJoiner;

/** As much JSON as a line of results needs. */
final class Json {
    private Json() {}

    /** One object, its members in the order they were put. */
    static final class Line {
        private final Map<String, Object> members = new LinkedHashMap<>();

        Line put(String name, Object value) {
            members.put(name, value);
            return this;
        }

        boolean has(String name) {
            return members.get(name) != null;
        }

        @Override
        public String toString() {
            return write(members);
        }
    }

    static String write(Object value) {
        if (value == null) return "null";
        if (value instanceof Line line) return line.toString();
        if (value instanceof Number || value instanceof Boolean) return value.toString();
        if (value instanceof Map<?, ?> map) {
            StringJoiner joiner = new StringJoiner(",", "{", "}");
            map.forEach((name, member) -> joiner.add(quote(String.valueOf(name)) + ":" + write(member)));
            return joiner.toString();
        }
        if (value instanceof Collection<?> list) {
            StringJoiner joiner = new StringJoiner(",", "[", "]");
            list.forEach(member -> joiner.add(write(member)));
            return joiner.toString();
        }
        return quote(value.toString());
    }

    private static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') quoted.append('\\').append(c);
            else if (c < 0x20 || c > 0x7e) quoted.append(String.format("\\u%04x", (int) c));
            else quoted.append(c);
        }
        return quoted.append('"').toString();
    }
}
