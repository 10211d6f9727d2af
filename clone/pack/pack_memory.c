/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocates blocks on the heap while the budget lasts, and in mapped files beyond it.
 */
#include "clone/pack/pack_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"

/* Overhead of an allocation. */
#define OVERHEAD 16u

void
pack_memory_init(struct pack_memory *m, const char *directory, size_t budget_bytes)
{
	m->directory = directory;
	m->budget_bytes = budget_bytes;
	atomic_init(&m->used_bytes, 0);
}

bool
pack_memory_has(const struct pack_memory *m, size_t size)
{
	size_t used = atomic_load_explicit(&m->used_bytes, memory_order_relaxed);

	return used <= m->budget_bytes && size <= m->budget_bytes - used;
}

/* Opens a file without a name: NFS, for example, has no O_TMPFILE. After a kill between the two
 * calls, git gc removes the file. */
static int
open_unlinked(const char *directory)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/tmp_obj_XXXXXX", directory);
	int fd = -1;

	if (len < 0 || (size_t)len >= sizeof(path))
		errno = ENAMETOOLONG;
	else
		fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

/* Disk space is reserved now, so that a full disk is an error here and not a SIGBUS later. */
static bool
alloc_file(struct pack_memory *m, struct pack_block *b, size_t size, struct err *e)
{
	int fd = open_unlinked(m->directory);
	void *data = MAP_FAILED;
	int error = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)size);

	if (error == 0) {
		data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		error = data == MAP_FAILED ? errno : 0;
	}
	fd_close(fd);
	if (error != 0)
		return err_set_errno(e, error, "allocate an object of %zu bytes", size);
	*b = (struct pack_block){.data = data, .size = size, .is_file = true};
	return true;
}

bool
pack_block_alloc(struct pack_memory *m, struct pack_block *b, size_t size, struct err *e)
{
	*b = (struct pack_block){.size = size};
	if (!pack_memory_has(m, size + OVERHEAD))
		return alloc_file(m, b, size == 0 ? 1 : size, e);
	b->data = malloc(size == 0 ? 1 : size);
	if (b->data == NULL)
		return err_set(e, ERR_MEMORY, "out of memory for an object of %zu bytes", size);
	atomic_fetch_add_explicit(&m->used_bytes, size + OVERHEAD, memory_order_relaxed);
	return true;
}

void
pack_block_free(struct pack_memory *m, struct pack_block *b)
{
	if (b->is_file) {
		(void)munmap(b->data, b->size);
	} else if (b->data != NULL) {
		free(b->data);
		atomic_fetch_sub_explicit(&m->used_bytes, b->size + OVERHEAD, memory_order_relaxed);
	}
	*b = (struct pack_block){.size = 0};
}
