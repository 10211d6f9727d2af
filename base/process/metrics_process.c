/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads /proc/self, which a process that is not dumpable may do as well. These reads do not block:
 * the kernel generates the text.
 */
#include "base/process/metrics_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

#define STAT_MAX_BYTES 2048

struct process_metrics {
	uint64_t build_info[1];
	uint64_t cpu_us;
	int64_t resident_bytes;
	int64_t virtual_bytes;
	int64_t open_fds;
	int64_t max_fds;
	int64_t threads;
	int64_t start_time_us;
};

static const char *const version_values[] = {VERSION};
static const char *const sources[] = {"all", NULL};

#define ROW(family, kind, field) METRICS_ROW(family, kind, struct process_metrics, field)
static const struct metrics_family families[] = {
	{ROW("workspace_proxy_build_info", METRICS_GAUGE, build_info),
	 .labels = {METRICS_LABEL("version", version_values)},
	 .help = "Always 1; the label has the version."},
	{ROW("process_cpu_seconds_total", METRICS_COUNTER, cpu_us), .unit = METRICS_MICROSECONDS,
	 .help = "User and system CPU time spent, in seconds."},
	{ROW("process_resident_memory_bytes", METRICS_GAUGE, resident_bytes), .omits_zero = true,
	 .help = "Resident memory size in bytes."},
	{ROW("process_virtual_memory_bytes", METRICS_GAUGE, virtual_bytes), .omits_zero = true,
	 .help = "Virtual memory size in bytes."},
	{ROW("process_open_fds", METRICS_GAUGE, open_fds), .omits_zero = true,
	 .help = "Number of open file descriptors."},
	{ROW("process_max_fds", METRICS_GAUGE, max_fds), .omits_zero = true,
	 .help = "Maximum number of open file descriptors."},
	{ROW("process_threads", METRICS_GAUGE, threads), .omits_zero = true,
	 .help = "Number of threads of the process."},
	{ROW("process_start_time_seconds", METRICS_GAUGE, start_time_us),
	 .unit = METRICS_MICROSECONDS, .omits_zero = true,
	 .help = "Start time of the process since 1970-01-01 UTC, in seconds."},
};

const struct metrics_table metrics_process_table = {
	.heading = "The process",
	.families = families,
	.count = sizeof(families) / sizeof(families[0]),
	.sources = sources,
};

static uint64_t
timeval_us(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000u + (uint64_t)t->tv_usec;
}

static void
read_usage(struct process_metrics *m)
{
	struct rusage usage;
	struct rlimit limit;

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		m->cpu_us = timeval_us(&usage.ru_utime) + timeval_us(&usage.ru_stime);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		m->max_fds = limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}

/* Parses proc_pid_stat(5): the fields after the name in parentheses. */
static void
read_stat_fields(struct str fields, struct process_metrics *m)
{
	long page_bytes = sysconf(_SC_PAGESIZE);
	struct str field;
	uint64_t value;

	for (unsigned number = 3; number <= 24 && str_next(&fields, ' ', &field); number++) {
		if (!str_to_u64(field, 0, INT64_MAX / 4096, &value))
			continue;
		if (number == 20)
			m->threads = (int64_t)value;
		else if (number == 23)
			m->virtual_bytes = (int64_t)value;
		else if (number == 24 && page_bytes > 0)
			m->resident_bytes = (int64_t)value * page_bytes;
	}
}

static void
read_stat(struct process_metrics *m)
{
	char text[STAT_MAX_BYTES];
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return;
	got = read(fd, text, sizeof(text));
	(void)close(fd);
	for (ssize_t i = got - 1; i > 0; i--) /* the name may contain parentheses */
		if (text[i] == ')') {
			struct str all = {text, (size_t)got};
			read_stat_fields(str_trim(str_skip(all, (size_t)i + 1)), m);
			return;
		}
}

static void
count_descriptors(struct process_metrics *m)
{
	DIR *d = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (d == NULL)
		return;
	m->open_fds = -1;		     /* excludes readdir's own descriptor */
	while ((entry = readdir(d)) != NULL) /* NOLINT(concurrency-mt-unsafe) */
		m->open_fds += entry->d_name[0] != '.';
	(void)closedir(d);
}

void
metrics_process_init(struct metrics_process *p)
{
	*p = (struct metrics_process){.started_us = clock_wall_us()};
}

void
metrics_process_write(const struct metrics_process *p, struct buf *out)
{
	struct process_metrics m = {.build_info = {1}, .start_time_us = p->started_us};

	read_usage(&m);
	read_stat(&m);
	count_descriptors(&m);
	metrics_write(&metrics_process_table, &m, 1, out);
}
