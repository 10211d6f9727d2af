/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where tests have their files: in memory, where there is enough of it. On a disk with ext4,
 * creating a file takes longer the more files were deleted there in the last minutes.
 */
#ifndef TESTS_UNIT_TEMPORARY_H
#define TESTS_UNIT_TEMPORARY_H

#include <stdint.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TEMPORARY_MIN_BYTES (UINT64_C(1) << 30)

/* Tests execute files there too. */
static inline const char *
temporary_folder(void)
{
	static const char memory[] = "/dev/shm";
	struct statvfs v;

	if (access(memory, W_OK) == 0 && statvfs(memory, &v) == 0 && (v.f_flag & ST_NOEXEC) == 0 &&
	    (uint64_t)v.f_bavail * v.f_frsize >= TEMPORARY_MIN_BYTES)
		return memory;
	return "/tmp";
}

#endif
