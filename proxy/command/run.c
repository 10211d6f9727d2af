/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies the command's output unchanged to its own output, and to the log with a timestamp before
 * each line. Forwards signals to the command. As process 1 of a container it reaps orphans.
 *
 * The command has priority: a problem with the log is reported once and only loses log lines.
 */
#include "proxy/command/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/clock_parse.h"
#include "base/process/fd.h"

#define DIRECTORY	"/tmp/workspace-logs"
#define BLOCK_BYTES	16384
#define PATH_BYTES	4096
#define DRAIN_ROUNDS	64		      /* blocks read after the command has ended */
#define STREAMS		2		      /* standard output and standard error */
#define ROTATE_BYTES	(10u * 1024u * 1024u) /* size at which the log is rotated */
#define LINE_END_WITHIN 65536u		      /* bytes beyond ROTATE_BYTES at which a line is cut */

enum { EXIT_NOT_STARTED = 126, EXIT_NOT_FOUND = 127, EXIT_SIGNAL = 128 };

/* The log file. It is rotated at the start of a line, or within a line that is too long. One older
 * file is kept: the sidecar shows the last megabyte, and the disk of a workspace is small. */
struct run_log {
	const char *path;
	int fd;			 /* -1: no log, nothing is written */
	uint64_t bytes;		 /* size of the file */
	bool is_inside[STREAMS]; /* the last line of this stream is incomplete */
	size_t last;		 /* index of the stream that wrote last */
};

struct runner {
	pid_t pid;
	int signals;  /* signalfd */
	int pipes[2]; /* standard output and standard error of the command; -1 after end of file */
	bool has_ended;
	int status;
	struct run_log log;
};

static const int forwarded[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

static int
print_usage(void)
{
	(void)fputs("usage: workspace-proxy run [--log FILE] [--] COMMAND [ARGUMENT ...]\n"
		    "\n"
		    "Runs the command, passes its output on, and writes it to FILE with a time\n"
		    "before each line; by default " DIRECTORY "/COMMAND.log. A file of\n"
		    "10 MiB is renamed to FILE.1, and a new one begins.\n",
		    stderr);
	return 2;
}

static void
complain(const char *what, const char *name)
{
	(void)fprintf(stderr, "workspace-proxy run: %s: %s: %s\n", what, name, strerror(errno));
}

/* Opens a regular file for appending, or creates it; does not follow links. False with errno. */
static bool
open_log(struct run_log *l, const char *path)
{
	struct stat st;
	int fd =
		open(path,
		     O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
		     0644);

	*l = (struct run_log){.path = path, .fd = -1};
	if (fd < 0)
		return false;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		errno = EINVAL;
		return false;
	}
	l->fd = fd;
	l->bytes = (uint64_t)st.st_size;
	return true;
}

/* Renames the file and opens a new one. If that fails, truncates it, so that it can't grow without
 * limit. */
static void
rotate(struct run_log *l)
{
	char older[PATH_BYTES];
	struct run_log fresh;

	(void)snprintf(older, sizeof(older), "%s.1", l->path);
	if (rename(l->path, older) != 0 || !open_log(&fresh, l->path)) {
		(void)!ftruncate(l->fd, 0);
		l->bytes = 0;
		return;
	}
	(void)close(l->fd);
	l->fd = fresh.fd;
	l->bytes = fresh.bytes;
}

/* Lines are lost while the disk is full. */
static void
write_log(struct run_log *l, struct str data)
{
	if (fd_write_all(l->fd, data))
		l->bytes += data.len;
}

/* Writes a timestamp, unless the line begins with one ("2026-…" or "[2026-…"). */
static void
begin_line(struct run_log *l, struct str line)
{
	char time[CLOCK_RFC3339_SIZE];
	struct str text = str_skip(line, line.len > 0 && line.data[0] == '[');
	int64_t ignored;

	if (l->bytes >= ROTATE_BYTES)
		rotate(l);
	if (clock_parse_time(text.data, text.len, &ignored, NULL) > 0)
		return;
	clock_format_rfc3339(clock_wall_us() / 1000, time, sizeof(time));
	write_log(l, str_from(time));
	write_log(l, STR(" "));
}

/* Ends the last line if it is incomplete. */
static void
end_line(struct run_log *l)
{
	if (l->fd >= 0 && l->is_inside[l->last])
		write_log(l, STR("\n"));
	l->is_inside[l->last] = false;
}

/* Appends output of a stream. Ends the incomplete line of the other stream first, so that lines do
 * not mix. */
static void
add_output(struct run_log *l, size_t stream, struct str data)
{
	if (l->fd < 0 || data.len == 0)
		return;
	if (stream != l->last)
		end_line(l);
	l->last = stream;
	while (data.len > 0) {
		size_t end = str_find_byte(data, '\n');
		struct str line = str_take(data, end == SIZE_MAX ? data.len : end + 1);

		if (l->bytes >= ROTATE_BYTES + LINE_END_WITHIN)
			end_line(l);
		if (!l->is_inside[stream])
			begin_line(l, line);
		write_log(l, line);
		l->is_inside[stream] = end == SIZE_MAX;
		data = str_skip(data, line.len);
	}
}

static const char *
name_of(const char *command)
{
	const char *slash = strrchr(command, '/');

	return slash == NULL ? command : slash + 1;
}

static _Noreturn void
become_command(char **command, const sigset_t *mask)
{
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)execvp(command[0], command);
	int code = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_STARTED;
	complain("cannot start", command[0]);
	_exit(code);
}

static bool
start(struct runner *r, char **command)
{
	int out[2];
	int err[2];
	sigset_t blocked;
	sigset_t before;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(&blocked, forwarded[i]);
	(void)sigprocmask(SIG_BLOCK, &blocked, &before);
	(void)signal(SIGPIPE, SIG_IGN);
	r->signals = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signals < 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
		return false;
	r->pid = fork();
	if (r->pid < 0)
		return false;
	if (r->pid == 0) {
		if (dup2(out[1], STDOUT_FILENO) < 0 || dup2(err[1], STDERR_FILENO) < 0)
			_exit(EXIT_NOT_STARTED);
		become_command(command, &before);
	}
	(void)close(out[1]);
	(void)close(err[1]);
	r->pipes[0] = out[0];
	r->pipes[1] = err[0];
	return true;
}

/* Copies what one pipe holds. False at end of file. Errors of our own output are ignored: the log
 * continues if the reader of our output is gone. */
static bool
copy_block(struct runner *r, size_t index)
{
	char block[BLOCK_BYTES];
	ssize_t n = read(r->pipes[index], block, sizeof(block));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n == 0)
		return false;
	struct str data = {block, (size_t)n};
	(void)!fd_write_all(index == 0 ? STDOUT_FILENO : STDERR_FILENO, data);
	add_output(&r->log, index, data);
	return true;
}

/* Reaps all children that have exited; those other than the command are orphans. */
static void
reap_children(struct runner *r)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != r->pid)
			continue;
		r->has_ended = true;
		r->status = status;
	}
}

/* Forwards signals to the command, except those of the terminal (SI_KERNEL), which the kernel sends
 * to the whole process group. */
static void
handle_signals(struct runner *r)
{
	struct signalfd_siginfo info;

	while (read(r->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap_children(r);
		else if (info.ssi_code != SI_KERNEL && !r->has_ended)
			(void)kill(r->pid, (int)info.ssi_signo);
	}
}

/* Waits for output or signals, at most for timeout_ms (-1: forever). Returns whether there was
 * output. */
static bool
wait_and_copy(struct runner *r, int timeout_ms)
{
	struct pollfd polled[] = {
		{.fd = r->pipes[0], .events = POLLIN},
		{.fd = r->pipes[1], .events = POLLIN},
		{.fd = r->signals, .events = POLLIN},
	};
	bool has_output = false;

	if (poll(polled, 3, timeout_ms) <= 0)
		return false;
	for (size_t i = 0; i < 2; i++) {
		if (polled[i].revents == 0)
			continue;
		has_output = true;
		if (copy_block(r, i))
			continue;
		(void)close(r->pipes[i]);
		r->pipes[i] = -1;
	}
	if (polled[2].revents != 0)
		handle_signals(r);
	return has_output;
}

/* After the command has exited, processes that it left behind may keep the pipes open: copies only
 * what the pipes hold then. */
static void
copy_until_exit(struct runner *r)
{
	unsigned rounds = DRAIN_ROUNDS;

	while (!r->has_ended)
		(void)wait_and_copy(r, -1);
	while (rounds-- > 0 && wait_and_copy(r, 0))
		continue;
}

static const char *
signal_name(int number)
{
	static const struct {
		int number;
		const char *name;
	} signals[] = {{SIGKILL, "SIGKILL"}, {SIGTERM, "SIGTERM"}, {SIGSEGV, "SIGSEGV"},
		       {SIGABRT, "SIGABRT"}, {SIGINT, "SIGINT"},   {SIGBUS, "SIGBUS"},
		       {SIGHUP, "SIGHUP"},   {SIGILL, "SIGILL"},   {SIGFPE, "SIGFPE"},
		       {SIGQUIT, "SIGQUIT"}, {SIGPIPE, "SIGPIPE"}};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (signals[i].number == number)
			return signals[i].name;
	return "another one";
}

/* Logs how the command ended. Returns our exit code. */
static int
log_exit(struct runner *r, const char *name)
{
	char text[256];
	int code = WEXITSTATUS(r->status);

	if (WIFSIGNALED(r->status)) {
		int number = WTERMSIG(r->status);

		code = EXIT_SIGNAL + number;
		(void)snprintf(text, sizeof(text),
			       "ERROR workspace-proxy run: %.100s was killed by "
			       "signal %d (%s)\n",
			       name, number, signal_name(number));
	} else {
		(void)snprintf(text, sizeof(text),
			       "%s workspace-proxy run: %.100s exited with code %d\n",
			       code == 0 ? "INFO" : "ERROR", name, code);
	}
	end_line(&r->log);
	add_output(&r->log, 0, str_from(text));
	return code;
}

static int
run(char **command, const char *log_path)
{
	struct runner r = {.pipes = {-1, -1}};
	const char *name = name_of(command[0]);

	if (!open_log(&r.log, log_path))
		complain("no log", log_path);
	if (!start(&r, command)) {
		complain("cannot start", command[0]);
		return EXIT_NOT_STARTED;
	}
	copy_until_exit(&r);
	int code = log_exit(&r, name);
	fd_close(r.log.fd);
	return code;
}

int
run_main(int argc, char **argv)
{
	const char *log_path = NULL;
	char path[PATH_BYTES];
	int i = 1;

	if (i + 1 < argc && strcmp(argv[i], "--log") == 0) {
		log_path = argv[i + 1];
		i += 2;
	}
	if (i < argc && strcmp(argv[i], "--") == 0)
		i++;
	else if (i < argc && argv[i][0] == '-')
		return print_usage();
	if (i >= argc || argv[i][0] == '\0')
		return print_usage();
	if (log_path == NULL) {
		(void)snprintf(path, sizeof(path), DIRECTORY "/%.200s.log", name_of(argv[i]));
		log_path = path;
	}
	return run(argv + i, log_path);
}
