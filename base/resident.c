/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See resident.h. Only segments that were never writable: nothing of ours can be in their pages,
 * unless the loader wrote there (text relocations), and then they are left alone.
 */
#include "base/resident.h"

#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *
at(uintptr_t address)
{
	void *pointer;

	memcpy(&pointer, &address, sizeof(pointer));
	return pointer;
}

static bool
has_text_relocations(const struct dl_phdr_info *object)
{
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		if (segment->p_type != PT_DYNAMIC)
			continue;
		for (const ElfW(Dyn) *d = at(object->dlpi_addr + segment->p_vaddr);
		     d->d_tag != DT_NULL; d++) {
			if (d->d_tag == DT_TEXTREL ||
			    (d->d_tag == DT_FLAGS && (d->d_un.d_val & DF_TEXTREL) != 0))
				return true;
		}
		return false;
	}
	return true; /* not an object as loaders make them */
}

static int
drop_code_of(struct dl_phdr_info *object, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	size_t *dropped = arg;

	(void)size;
	if (has_text_relocations(object))
		return 0;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_filesz;
		if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) == 0 &&
		    madvise(at(start), end - start, MADV_DONTNEED) == 0)
			*dropped += end - start;
	}
	return 0;
}

size_t
resident_drop_code(void)
{
	size_t dropped = 0;

	(void)dl_iterate_phdr(drop_code_of, &dropped);
	return dropped;
}
