/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits and timeouts of connections, requests and responses, and compression.
 */
#include "proxy/http/content_coding.h"
#include "proxy/settings/parse/settings_parse.h"
#include "proxy/settings/rows/settings_rows.h"

static const struct conf_setting limits[] = {
	{SETTING("CONNECTIONS_MAX", CONF_INT, connections_max, SERVE | RELAY), .fallback = "4096",
	 RANGE(1, 1000000),
	 .text = "Maximum number of browser connections. At the limit, the connection without a "
		 "signed-in user that has been idle for longest is closed to accept a new one; if "
		 "there is none, new connections wait. The same number limits the requests that "
		 "are forwarded to the IDE and to ports at the same time, which with HTTP/2 may "
		 "share connections; further ones get 503."},
	{SETTING("CONNECTIONS_PER_ADDRESS_MAX", CONF_INT, connections_per_address_max,
		 SERVE | RELAY),
	 .fallback = "1024", RANGE(1, 1000000),
	 .text = "Maximum number of connections of one client address (IPv6: one /64); further "
		 "ones are closed immediately. The address is that of the PROXY header where there "
		 "is "
		 "one. Peers in `TRUSTED_PROXY_IPS` are exempt: they forward for many clients."},
	{SETTING("SIGN_IN_FAILURES_PER_ADDRESS_MAX", CONF_INT,
		 auth.sign_in_failures_per_address_max, SERVE),
	 .fallback = "20", RANGE(1, 60000),
	 .text = "Failed logins and API tokens of one client address (IPv6: one /64) per minute. "
		 "Further ones get 503 with `Retry-After`, without a request to GitLab. Set it "
		 "higher if many users or programs share an address, as behind NAT, or behind an "
		 "ingress without `TRUSTED_PROXY_IPS`, where all users have the ingress's "
		 "address."},
	{SETTING("SIGN_IN_FAILURES_MAX", CONF_INT, auth.sign_in_failures_max, SERVE),
	 .fallback = "120", RANGE(1, 60000),
	 .text = "The same for all client addresses together. A quarter of it is reserved for "
		 "addresses from which users have signed in before, and another quarter for "
		 "addresses without failures. Keep it well below GitLab's own limit for the pod's "
		 "address."},
	{SETTING("WEBSOCKETS_MAX", CONF_INT, websockets_max, SERVE), .fallback = "1024",
	 RANGE(0, 1000000),
	 .text = "Maximum number of WebSockets and other tunnels; further upgrades get 429."},
	{SETTING("URI_MAX_SIZE", CONF_SIZE, uri_max_bytes, SERVE | RELAY), .fallback = "16KiB",
	 RANGE(256, 1024 * KIB),
	 .text = "Maximum length of a request line: method, address and version. Longer ones get "
		 "414, as do those that fill `HEAD_MAX_SIZE`."},
	{SETTING("HEAD_MAX_SIZE", CONF_SIZE, head_max_bytes, SERVE | RELAY), .fallback = "32KiB",
	 RANGE(KIB, 1024 * KIB),
	 .text = "Maximum size of a request head: request line and header fields. Larger ones get "
		 "431."},
	{SETTING("HEADERS_MAX", CONF_INT, headers_max, SERVE | RELAY), .fallback = "100",
	 RANGE(8, 1000),
	 .text = "Maximum number of header fields of a request. Requests with more get 431."},
	{SETTING("RESPONSE_HEAD_MAX_SIZE", CONF_SIZE, response_head_max_bytes, SERVE),
	 .fallback = "64KiB", RANGE(KIB, 1024 * KIB),
	 .text = "Maximum size of a response head of the IDE or a port: status line and header "
		 "fields. For larger ones the browser gets 502."},
	{SETTING("RESPONSE_HEADERS_MAX", CONF_INT, response_headers_max, SERVE), .fallback = "200",
	 RANGE(8, 1000),
	 .text = "Maximum number of header fields of such a response. For more the browser gets "
		 "502."},
	{SETTING("BODY_MAX_SIZE", CONF_SIZE, body_max_bytes, SERVE), .fallback = "0",
	 RANGE(0, INT64_MAX),
	 .text = "Maximum size of a request body for the IDE; `0` is any. Larger ones get 413: "
		 "before the request is sent to the IDE if their length is declared, otherwise "
		 "while the body is sent, and the request to the IDE is aborted."},
	{SETTING("HANDSHAKE_TIMEOUT", CONF_DURATION, handshake_timeout_ms, SERVE | RELAY),
	 .fallback = "15s", RANGE(100, HOUR),
	 .text = "Time from accepting a connection to the end of its TLS handshake."},
	{SETTING("HEAD_TIMEOUT", CONF_DURATION, head_timeout_ms, SERVE | RELAY), .fallback = "30s",
	 RANGE(100, HOUR), .text = "Time from the first byte of a request to the end of its head."},
	{SETTING("KEEPALIVE_TIMEOUT", CONF_DURATION, idle_timeout_ms, SERVE | RELAY),
	 .fallback = "75s", RANGE(100, 24 * HOUR),
	 .text = "Idle timeout of a browser's connection without a request."},
	{SETTING("BODY_TIMEOUT", CONF_DURATION, body_timeout_ms, SERVE | RELAY), .fallback = "60s",
	 RANGE(100, 24 * HOUR),
	 .text = "Idle timeout of a request body: the request ends when no byte arrives for this "
		 "long."},
	{SETTING("SEND_TIMEOUT", CONF_DURATION, send_timeout_ms, SERVE | RELAY), .fallback = "60s",
	 RANGE(100, 24 * HOUR),
	 .text = "Idle timeout of a response: the connection ends when the browser takes no byte "
		 "for this long."},
	{SETTING("BODY_MIN_RATE", CONF_SIZE, body_min_rate, SERVE | RELAY), .fallback = "256",
	 RANGE(0, 1024 * 1024 * KIB),
	 .text = "Minimum rate of a request body in bytes per second, over `MIN_RATE_PERIOD`; `0` "
		 "is any. Slower requests get 408, or are aborted if the response has begun. Time "
		 "during which the IDE does not read does not count."},
	{SETTING("SEND_MIN_RATE", CONF_SIZE, send_min_rate, SERVE | RELAY), .fallback = "256",
	 RANGE(0, 1024 * 1024 * KIB),
	 .text = "Minimum rate in bytes per second at which a browser takes its response, over "
		 "`MIN_RATE_PERIOD`; `0` is any. Slower connections are closed. WebSockets are "
		 "exempt, and time without data to send does not count."},
	{SETTING("MIN_RATE_PERIOD", CONF_DURATION, min_rate_period_ms, SERVE | RELAY),
	 .fallback = "60s", RANGE(100, HOUR),
	 .text = "Period over which the minimum rates are measured; only time spent waiting for "
		 "the browser counts."},
	{SETTING("UPSTREAM_CONNECT_TIMEOUT", CONF_DURATION, upstream_connect_timeout_ms, SERVE),
	 .fallback = "5s", RANGE(100, 10 * MINUTE), .text = "Timeout for connecting to the IDE."},
	{SETTING("UPSTREAM_RESPONSE_TIMEOUT", CONF_DURATION, upstream_response_timeout_ms, SERVE),
	 .fallback = "10m", RANGE(100, 24 * HOUR),
	 .text = "Time from the end of a request to the head of the IDE's response."},
	{SETTING("UPSTREAM_IDLE_TIMEOUT", CONF_DURATION, upstream_idle_timeout_ms, SERVE),
	 .fallback = "60s", RANGE(100, HOUR),
	 .text = "Idle timeout of a pooled connection to the IDE."},
	{SETTING("STREAM_IDLE_TIMEOUT", CONF_DURATION, stream_timeout_ms, SERVE), .fallback = "1h",
	 RANGE(100, 24 * HOUR),
	 .text = "Idle timeout of a WebSocket, another tunnel or a response body, in both "
		 "directions."},
	{SETTING("WEBSOCKET_PING_INTERVAL", CONF_DURATION, websocket_ping_ms, SERVE),
	 .fallback = "50s", RANGE(0, 24 * HOUR),
	 .text = "Sends a ping on a WebSocket on which the browser was sent nothing for this long, "
		 "between two frames. nginx, HAProxy and most load balancers close connections "
		 "that are idle for 60 seconds; `0s` sends none. The IDE sees the browser's pong, "
		 "which needs no answer (RFC 6455 section 5.5.3)."},
};
const struct conf_group settings_limits = SETTINGS_GROUP("Limits and timeouts", limits);

static const struct conf_setting compression[] = {
	{SETTING("COMPRESS", CONF_BOOL, compress, SERVE), .fallback = "on",
	 .text = "Compresses responses of the IDE and of ports with Zstandard or gzip, whichever "
		 "the browser accepts, where that is worth it and safe: `GET`, status 200, more "
		 "than 1 KiB, not compressed already, and a type of `COMPRESS_TYPES`. HTML and "
		 "JSON only with `Cache-Control: public`, because the length of a compressed page "
		 "can give away secrets in it (BREACH); source maps (`*.map`) always. Turn it off "
		 "behind an ingress that compresses."},
	{SETTING("COMPRESS_TYPES", CONF_TEXT, compress_types, SERVE),
	 .fallback = CONTENT_CODING_TYPES, .is_valid = content_coding_types_are_valid,
	 .expected = "media types such as text/css,application/wasm",
	 .text = "The media types that are compressed, separated by commas: types that carry code "
		 "or graphics, never what holds secrets beside text of an attacker's choice. With "
		 "`text/html` or `application/json` in the list, all HTML or JSON is compressed."},
};
const struct conf_group settings_compression = SETTINGS_GROUP("Compression", compression);
