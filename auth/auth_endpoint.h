/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoints below our prefix that authentication answers. Part of the public interface: include
 * auth/auth.h.
 */
#ifndef AUTH_AUTH_ENDPOINT_H
#define AUTH_AUTH_ENDPOINT_H

enum auth_endpoint {
	AUTH_ENDPOINT_START,
	AUTH_ENDPOINT_CALLBACK,
	AUTH_ENDPOINT_SIGN_IN,
	AUTH_ENDPOINT_SIGN_OUT,
	AUTH_ENDPOINT_AUTH,
	AUTH_ENDPOINT_USERINFO,
	AUTH_ENDPOINT_PORT,  /* at the workspace's own host: signs in to the host of a port */
	AUTH_ENDPOINT_SHARE, /* at the workspace's own host: shares a port */
	/* At the workspace's own host: authorizes a device, called by its user or by the device. */
	AUTH_ENDPOINT_DEVICE,
	AUTH_ENDPOINT_DEVICE_START,
	AUTH_ENDPOINT_DEVICE_TOKEN,
	AUTH_ENDPOINT_DEVICE_END,
	AUTH_ENDPOINT_COUNT
};

#endif
