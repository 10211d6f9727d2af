/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files: read as git reads them. Random texts are compared with `git config --list`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone/git/config_text.h"
#include "tests/unit/remove_tree.h"
#include "tests/unit/temporary.h"

#define TEXT_MAX   4096u
#define LIST_MAX   65536u
#define TEXTS	   400u /* CONFIG_TEXTS: another number */
#define PIECES_MAX 40u

/* What `git config --list -z` prints, and whether every line could be read. */
struct listing {
	struct buf text;
	size_t broken_lines;
	size_t first_broken;
};

static void
on_entry(const struct config_text_entry *entry, void *arg)
{
	struct listing *l = arg;

	if (str_is_empty(entry->name)) {
		if (l->broken_lines++ == 0)
			l->first_broken = entry->line;
		return;
	}
	buf_add_str(&l->text, entry->name);
	if (entry->has_value) {
		buf_add_byte(&l->text, '\n');
		buf_add_str(&l->text, entry->value);
	}
	buf_add_byte(&l->text, '\0');
}

static void
list_ours(struct str text, struct listing *l)
{
	*l = (struct listing){.broken_lines = 0};
	buf_init(&l->text, LIST_MAX);
	config_text_read(text, on_entry, l);
	assert_true(buf_is_ok(&l->text));
}

/* What git reads, and what it prints. */
static char text_file[64];
static char listing_file[64];

static void
write_file(const char *path, struct str text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len);
	close(fd);
}

static size_t
read_file(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, out, size);

	assert_true(fd >= 0 && len >= 0);
	close(fd);
	return (size_t)len;
}

/* False: git can't read the text. Without a shell, which takes as long as git itself. */
static bool
list_theirs(struct str text, char *out, size_t *len)
{
	static char git[] = "git", config[] = "config", file[] = "-f", list[] = "--list",
		    nul[] = "-z";
	char *const command[] = {git, config, file, text_file, list, nul, NULL};
	posix_spawn_file_actions_t redirect;
	int status;
	pid_t pid;

	write_file(text_file, text);
	posix_spawn_file_actions_init(&redirect);
	posix_spawn_file_actions_addopen(&redirect, STDOUT_FILENO, listing_file,
					 O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_addopen(&redirect, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawnp(&pid, git, &redirect, NULL, command, environ), 0);
	posix_spawn_file_actions_destroy(&redirect);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*len = read_file(listing_file, out, LIST_MAX);
	return status == 0;
}

/* Pieces of the syntax, in random order. */
static const char *const pieces[] = {
	"[submodule \"lib\"]\n",
	"[submodule \"a/b c\"]",
	"[submodule \"x\\\"y\\\\z\\q\"]\n",
	"[core]\n",
	"[CORE \"Sub\"]\n",
	"[submodule.Dotted]\n",
	"[submodule.a \"b\"]\n",
	"[ submodule \"x\"]\n",
	"[submodule\t\"x\" ]\n",
	"[submodule \"open]\n",
	"[submodule\n",
	"[include]\n",
	"[]\n",
	"]",
	"[",
	"\tpath = lib\n",
	"path=lib\n",
	"url = ../lib.git # more\n",
	"URL = \"../li b.git\" ; more\n",
	"\tupdate\n",
	"shallow = true\n",
	"key-2 = v\n",
	"key_3 = v\n",
	"9key = v\n",
	"-key = v\n",
	"path = a\\\n",
	"path = a \\\n  b\n",
	"path = \"a\\tb\\nc\\bd\\\\e\\\"f\"\n",
	"path = \\x\n",
	"path = \"open\n",
	"path = a\"b c\"d\n",
	"path =   spaced   out   \n",
	"path = #none\n",
	"path = \"#some\"\n",
	"path = a;b\n",
	"# [include] comment\n",
	"; comment \\\n",
	"\r\n",
	"\r",
	"\n",
	" ",
	"\t",
	"path = x\r\n",
	"path = \r\n",
	"path = x\\\r\n y\n",
	"=",
	"path",
	"path = ",
	"\"",
	"\\",
	"\xc3\xa9 = v\n",
	"path = \xc3\xa9\n",
	"\xef\xbb\xbf",
	"\v",
};

static size_t
make_text(char *out, unsigned *seed)
{
	size_t len = 0;
	unsigned count = 1 + (unsigned)rand_r(seed) % PIECES_MAX;

	/* git can read most texts to their end. */
	for (unsigned i = 0; i < count; i++) {
		bool is_any = rand_r(seed) % 16 == 0;
		size_t at = (size_t)rand_r(seed) % (sizeof(pieces) / sizeof(pieces[0]));
		size_t piece = strlen(pieces[at]);

		if (!is_any && piece > 0 && pieces[at][piece - 1] != '\n')
			continue;
		if (len + piece > TEXT_MAX)
			break;
		memcpy(out + len, pieces[at], piece);
		len += piece;
	}
	return len;
}

/* Compares up to the first line that git can't read. */
static void
check(struct str text, unsigned number)
{
	static char theirs[LIST_MAX];
	struct listing ours;
	size_t len;
	bool ok = list_theirs(text, theirs, &len);

	list_ours(text, &ours);
	if (ok != (ours.broken_lines == 0) || str_take(buf_view(&ours.text), len).len != len ||
	    (len > 0 && memcmp(ours.text.data, theirs, len) != 0) || (ok && ours.text.len != len))
		fail_msg("text %u: git %s it, we found %zu broken "
			 "lines:\n%.*s\n---\n%.*s\n---\n%.*s",
			 number, ok ? "reads" : "refuses", ours.broken_lines, STR_FMT(text),
			 STR_FMT(buf_view(&ours.text)), (int)len, theirs);
	buf_fini(&ours.text);
}

static void
test_random_texts_mean_what_they_mean_to_git(void **state)
{
	const char *wanted = getenv("CONFIG_TEXTS");
	unsigned texts = wanted == NULL ? TEXTS : (unsigned)strtoul(wanted, NULL, 10);
	char text[TEXT_MAX];

	(void)state;
	for (unsigned i = 0; i < texts; i++) {
		unsigned seed = i + 1;

		check((struct str){text, make_text(text, &seed)}, i);
	}
}

static void
test_every_piece_by_itself(void **state)
{
	char text[256];

	(void)state;
	for (unsigned i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		snprintf(text, sizeof(text), "[s \"t\"]\n%s", pieces[i]);
		check(str_from(text), i);
		check(str_from(pieces[i]), i);
	}
	check(STR("\xef\xbb\xbf[a]b=c"), 0);
	check(STR("\xef\xbb[a]b=c"), 0);
	check(STR(""), 0);
}

/* git refuses the whole file. */
static void
test_a_broken_line_costs_its_section(void **state)
{
	struct listing l;

	(void)state;
	list_ours(STR("[a]\n\tb = 1\n[c \"d\n\te = 2\n  [f] g = 3\n\t!h\n\ti = 4\n[j]\nk\n"), &l);
	assert_true(str_equal(buf_view(&l.text), STR("a.b\n1\0f.g\n3\0j.k\0")));
	assert_int_equal(l.broken_lines, 2);
	assert_int_equal(l.first_broken, 3);
	buf_fini(&l.text);
	list_ours(STR("[a \"b\0c\"]\nd = 1\n[e]\nf = x\0y\n[g]h"), &l);
	assert_true(str_equal(buf_view(&l.text), STR("g.h\0")));
	assert_int_equal(l.broken_lines, 2);
	buf_fini(&l.text);
}

static void
test_names_are_split(void **state)
{
	struct str section;
	struct str sub;
	struct str variable;

	(void)state;
	assert_true(config_text_split(STR("submodule.a.b.path"), &section, &sub, &variable));
	assert_true(str_equal(section, STR("submodule")) && str_equal(sub, STR("a.b")) &&
		    str_equal(variable, STR("path")));
	assert_true(config_text_split(STR("a..b"), &section, &sub, &variable) && sub.len == 0);
	assert_false(config_text_split(STR("a.b"), &section, &sub, &variable));
	assert_false(config_text_split(STR("a"), &section, &sub, &variable));
}

static int
make_files(void **state)
{
	static char folder[48];

	*state = folder;
	(void)snprintf(folder, sizeof(folder), "%s/test-config-XXXXXX", temporary_folder());
	assert_non_null(mkdtemp(folder));
	(void)snprintf(text_file, sizeof(text_file), "%s/text", folder);
	(void)snprintf(listing_file, sizeof(listing_file), "%s/listing", folder);
	return 0;
}

static int
remove_files(void **state)
{
	return remove_tree(*state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_texts_mean_what_they_mean_to_git),
		cmocka_unit_test(test_every_piece_by_itself),
		cmocka_unit_test(test_a_broken_line_costs_its_section),
		cmocka_unit_test(test_names_are_split),
	};

	return cmocka_run_group_tests_name("clone/config_text", tests, make_files, remove_files);
}
