/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of the certificate of HTTPS_ADDRESS.
 */
#ifndef PROXY_SETTINGS_SETTINGS_TLS_H
#define PROXY_SETTINGS_SETTINGS_TLS_H

#include "base/net/tls/tls.h"

enum settings_tls_source {
	SETTINGS_TLS_FILES,
	SETTINGS_TLS_SELF, /* a certificate of our own */
};

struct settings_tls {
	unsigned source; /* enum settings_tls_source */
	const char *cert_file;
	const char *key_file;
	struct tls_names names; /* for SETTINGS_TLS_SELF */
};

#endif
