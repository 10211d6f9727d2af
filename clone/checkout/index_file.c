/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header, entries with the stat data of each file, checksum.
 */
#include "clone/checkout/index_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto/crypto.h"

#define HEAD_BYTES	12u
#define ENTRY_BYTES	62u /* before the path */
#define PATH_LENGTH_MAX 0xfffu
#define ALIGNMENT	8u

struct index_file {
	FILE *file;
	struct crypto_digest *sha1;
	uint32_t left; /* number of entries still to come */
	int error;     /* errno; 0: none */
};

static void
put(struct index_file *x, const void *data, size_t len)
{
	crypto_digest_add(x->sha1, data, len);
	if (x->error == 0 && fwrite(data, 1, len, x->file) != len)
		x->error = errno;
}

/* Writes big-endian. Truncates longer values, as the format specifies. */
static uint8_t *
add_u32(uint8_t *out, uint64_t value)
{
	for (unsigned i = 0; i < 4; i++)
		*out++ = (uint8_t)(value >> (24 - 8 * i));
	return out;
}

struct index_file *
index_file_new(const char *path, uint32_t count, struct err *e)
{
	struct index_file *x = calloc(1, sizeof(*x));
	uint8_t head[HEAD_BYTES] = "DIRC\0\0\0\2";

	if (x != NULL)
		x->sha1 = crypto_sha1_new();
	if (x == NULL || x->sha1 == NULL) {
		index_file_free(x);
		err_set(e, ERR_MEMORY, "out of memory for the index");
		return NULL;
	}
	x->file = fopen(path, "wxe");
	if (x->file == NULL) {
		err_set_errno(e, errno, "create the index");
		index_file_free(x);
		return NULL;
	}
	x->left = count;
	add_u32(head + 8, count);
	put(x, head, sizeof(head));
	return x;
}

void
index_file_free(struct index_file *x)
{
	if (x == NULL)
		return;
	if (x->file != NULL)
		(void)fclose(x->file);
	crypto_digest_free(x->sha1);
	free(x);
}

void
index_file_add(struct index_file *x, const char *path, uint32_t mode,
	       const uint8_t id[INDEX_FILE_ID_BYTES], const struct stat *stat)
{
	static const uint8_t zeros[ALIGNMENT];
	size_t len = strlen(path);
	size_t flags = len < PATH_LENGTH_MAX ? len : PATH_LENGTH_MAX;
	uint8_t head[ENTRY_BYTES];
	uint8_t *at = head;

	if (x->left == 0 && x->error == 0)
		x->error = EOVERFLOW;
	x->left--;
	at = add_u32(at, (uint64_t)stat->st_ctim.tv_sec);
	at = add_u32(at, (uint64_t)stat->st_ctim.tv_nsec);
	at = add_u32(at, (uint64_t)stat->st_mtim.tv_sec);
	at = add_u32(at, (uint64_t)stat->st_mtim.tv_nsec);
	at = add_u32(at, stat->st_dev);
	at = add_u32(at, stat->st_ino);
	at = add_u32(at, mode);
	at = add_u32(at, stat->st_uid);
	at = add_u32(at, stat->st_gid);
	at = add_u32(at, (uint64_t)stat->st_size);
	memcpy(at, id, INDEX_FILE_ID_BYTES);
	at += INDEX_FILE_ID_BYTES;
	*at++ = (uint8_t)(flags >> 8);
	*at = (uint8_t)flags;
	put(x, head, sizeof(head));
	put(x, path, len);
	/* At least one zero. */
	put(x, zeros, ALIGNMENT - (sizeof(head) + len) % ALIGNMENT);
}

bool
index_file_end(struct index_file *x, struct str tree, struct err *e)
{
	uint8_t size[4];
	uint8_t digest[CRYPTO_SHA1_BYTES];
	FILE *file = x->file;

	if (x->left != 0 && x->error == 0)
		x->error = EOVERFLOW;
	if (!str_is_empty(tree)) {
		put(x, "TREE", 4);
		add_u32(size, tree.len);
		put(x, size, sizeof(size));
		put(x, tree.data, tree.len);
	}
	crypto_digest_end(x->sha1, digest);
	if (x->error == 0 && fwrite(digest, 1, sizeof(digest), file) != sizeof(digest))
		x->error = errno;
	x->file = NULL;
	if (fclose(file) != 0 && x->error == 0)
		x->error = errno;
	return x->error == 0 || err_set_errno(e, x->error, "write the index");
}
