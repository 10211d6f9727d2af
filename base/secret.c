/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each secret has pages of its own, because the kernel leaves whole pages out of core dumps. The
 * small handle beside them is on the heap, so that leak checkers detect a secret that was not
 * freed.
 */
#include "base/secret.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "base/crypto/crypto_equal.h"
#include "base/wipe.h"

struct secret {
	char *data;
	size_t len;
};

/* The weakest protection so far. */
static atomic_uint protection = SECRET_HIDDEN;

enum secret_protection
secret_protection(void)
{
	return (enum secret_protection)atomic_load(&protection);
}

#ifdef MADV_DONTDUMP
static void
note(enum secret_protection got)
{
	unsigned before = atomic_load(&protection);

	while (before < got && !atomic_compare_exchange_weak(&protection, &before, got))
		;
}

/* Maps pages that the kernel itself does not map (memfd_secret(2), Linux 5.14 where enabled). They
 * count as locked. */
static void *
map_hidden(size_t len)
{
	void *pages = MAP_FAILED;
#ifdef SYS_memfd_secret
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);

	if (fd < 0)
		return MAP_FAILED;
	if (ftruncate(fd, (off_t)len) == 0)
		pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
#else
	(void)len;
#endif
	return pages;
}

/* NULL: out of memory. Locks the pages as far as RLIMIT_MEMLOCK allows, and returns them in any
 * case. */
static void *
take_pages(size_t len)
{
	void *pages = secret_protection() == SECRET_HIDDEN ? map_hidden(len) : MAP_FAILED;

	if (pages != MAP_FAILED)
		return pages;
	pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return NULL;
	note(mlock(pages, len) == 0 ? SECRET_LOCKED : SECRET_PLAIN);
	(void)madvise(pages, len, MADV_DONTDUMP);
	return pages;
}
#else
/* Returns ordinary memory on systems that can't exclude pages from core dumps. NULL: out of
 * memory. */
static void *
take_pages(size_t len)
{
	atomic_store(&protection, SECRET_PLAIN);
	return calloc(1, len);
}
#endif

static void
give_back(void *pages, size_t len)
{
	wipe_bytes(pages, len);
#ifdef MADV_DONTDUMP
	(void)munmap(pages, len);
#else
	free(pages);
#endif
}

struct secret *
secret_new(const void *data, size_t len)
{
	struct secret *s;
	void *pages;

	if (len > SECRET_MAX_BYTES)
		return NULL;
	s = malloc(sizeof(*s));
	if (s == NULL)
		return NULL;
	pages = take_pages(len + 1);
	if (pages == NULL) {
		free(s);
		return NULL;
	}
	if (len > 0)
		memcpy(pages, data, len);
	s->data = pages;
	s->len = len;
	return s;
}

struct secret *
secret_from_str(struct str s)
{
	return secret_new(s.data, s.len);
}

void
secret_free(struct secret *s)
{
	if (s == NULL)
		return;
	give_back(s->data, s->len + 1);
	secret_wipe(s, sizeof(*s));
	free(s);
}

struct str
secret_view(const struct secret *s)
{
	return s == NULL ? STR_NONE : (struct str){s->data, s->len};
}

bool
secret_equal(const struct secret *a, const struct secret *b)
{
	return a != NULL && b != NULL && crypto_equal(secret_view(a), secret_view(b));
}

void
secret_wipe(void *data, size_t len)
{
	wipe_bytes(data, len);
}
