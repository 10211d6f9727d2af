/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets up OpenSSL's secure heap, where OpenSSL stores the numbers of private keys, and allocation
 * functions that wipe all other memory: its decoders free buffers with key material unwiped.
 */
#include "base/crypto/crypto_memory.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

/* A power of two. The default RLIMIT_MEMLOCK before Linux 5.16; where that limit applies, nothing
 * is left to lock other secrets. A P-256 key takes about 100 bytes, an RSA key of 4096 bits three
 * KiB. A key that does not fit is refused. */
#define HEAP_BYTES  65536u
#define LEAST_BYTES 32

static _Thread_local bool wipes;

static void *
on_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(size);
}

static void
on_free(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	if (wipes && memory != NULL)
		wipe_bytes(memory, malloc_usable_size(memory));
	free(memory);
}

static void *
on_realloc(void *before, size_t size, const char *file, int line)
{
	size_t old = malloc_usable_size(before);
	void *memory;

	if (!wipes || before == NULL)
		return realloc(before, size);
	memory = malloc(size);
	if (memory == NULL)
		return NULL;
	memcpy(memory, before, old < size ? old : size);
	on_free(before, file, line);
	return memory;
}

bool
crypto_memory_protect(void)
{
	if (CRYPTO_secure_malloc_initialized() != 0)
		return true;
	(void)CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free);
	return CRYPTO_secure_malloc_init(HEAP_BYTES, LEAST_BYTES) == 1;
}

void
crypto_memory_wipe_begin(void)
{
	wipes = true;
}

void
crypto_memory_wipe_end(void)
{
	wipes = false;
}
