/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for name servers, preloaded into a program: names that the file NAME_SERVER_FILE lists
 * ("ide 127.0.0.1" on each line) resolve to that, "ide -" does not exist, all others go to libc.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int resolve_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* The address that is listed for the name; false: it is not listed. */
static int
find(const char *name, char address[64])
{
	char listed[256];
	FILE *file = fopen(getenv("NAME_SERVER_FILE"), "re");
	int found = 0;

	while (file != NULL && !found && fscanf(file, "%255s %63s", listed, address) == 2)
		found = strcmp(listed, name) == 0;
	if (file != NULL)
		fclose(file);
	return found;
}

int
getaddrinfo(const char *restrict name, const char *restrict service,
	    const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
	void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
	resolve_fn *next;
	char address[64];

	memcpy(&next, &symbol, sizeof(next));
	if (name == NULL || !find(name, address))
		return next(name, service, hints, list);
	return strcmp(address, "-") == 0 ? EAI_NONAME : next(address, service, hints, list);
}
