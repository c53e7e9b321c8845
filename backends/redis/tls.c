/* SPDX-License-Identifier: MIT
 *
 * TLS by OpenSSL over memory: connection.c moves the bytes, so that deadlines are its
 * own, and no write of OpenSSL's raises SIGPIPE.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"

struct hf__redis_tls {
  SSL_CTX *context;
  SSL *ssl;
  BIO *in, *out; /* the ssl's own */
};

/* The oldest error of OpenSSL in this thread, in words. */
static hf_status fail(hf_status status, const char *what, hf_error *err) {
  char text[256] = "";
  unsigned long number = ERR_get_error();
  if (number) ERR_error_string_n(number, text, sizeof text);
  ERR_clear_error();
  hf_status set = hf_error_set(err, status, "TLS: %s%s%s", what, *text ? ": " : "", text);
  if (err) err->retryable = false;
  return set;
}

static hf_status load_files(SSL_CTX *context, const hf__redis_config *c, hf_error *err) {
  if (c->cafile ? !SSL_CTX_load_verify_locations(context, c->cafile, NULL) : !SSL_CTX_set_default_verify_paths(context))
    return fail(HF_INVALID_ARGUMENT, "cannot read the certificates in cafile", err);
  if (c->certfile && SSL_CTX_use_certificate_chain_file(context, c->certfile) != 1)
    return fail(HF_INVALID_ARGUMENT, "cannot read the certificate in certfile", err);
  if (c->keyfile && SSL_CTX_use_PrivateKey_file(context, c->keyfile, SSL_FILETYPE_PEM) != 1)
    return fail(HF_INVALID_ARGUMENT, "cannot read the key in keyfile", err);
  return HF_OK;
}

/* Whose certificate is wanted. */
static bool expect_host(SSL *ssl, const char *host) {
  unsigned char address[16];
  if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
  return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

hf_status hf__redis_tls_new(const hf__redis_config *c, const char *host, hf__redis_tls **out, hf_error *err) {
  hf__redis_tls *t = calloc(1, sizeof *t);
  *out = t;
  if (!t) return hf_error_no_memory(err);
  ERR_clear_error();
  if (!(t->context = SSL_CTX_new(TLS_client_method()))) return fail(HF_IO, "cannot begin", err);
  SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION);
  hf_status status = load_files(t->context, c, err);
  if (status) return status;
  if (!(t->ssl = SSL_new(t->context))) return fail(HF_IO, "cannot begin", err);
  t->in = BIO_new(BIO_s_mem());
  t->out = BIO_new(BIO_s_mem());
  if (!t->in || !t->out) {
    BIO_free(t->in);
    BIO_free(t->out);
    return hf_error_no_memory(err);
  }
  SSL_set_bio(t->ssl, t->in, t->out);
  SSL_set_connect_state(t->ssl);
  SSL_set_verify(t->ssl, c->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
  return expect_host(t->ssl, host) ? HF_OK : fail(HF_INVALID_ARGUMENT, "the host's name is unusable", err);
}

void hf__redis_tls_free(hf__redis_tls *t) {
  if (!t) return;
  SSL_free(t->ssl);
  SSL_CTX_free(t->context);
  free(t);
}

hf_status hf__redis_tls_handshake(hf__redis_tls *t, bool *done, hf_error *err) {
  ERR_clear_error();
  int n = SSL_do_handshake(t->ssl);
  *done = n == 1;
  if (*done || SSL_get_error(t->ssl, n) == SSL_ERROR_WANT_READ) return HF_OK;
  long verified = SSL_get_verify_result(t->ssl);
  return fail(HF_UNAVAILABLE,
              verified == X509_V_OK ? "no agreement with the server" : X509_verify_cert_error_string(verified), err);
}

hf_status hf__redis_tls_write(hf__redis_tls *t, const char *data, size_t size, hf_error *err) {
  ERR_clear_error();
  return SSL_write(t->ssl, data, (int)size) == (int)size ? HF_OK : fail(HF_UNAVAILABLE, "cannot write", err);
}

size_t hf__redis_tls_pending(hf__redis_tls *t, char *out, size_t capacity) {
  int n = BIO_read(t->out, out, (int)capacity);
  return n > 0 ? (size_t)n : 0;
}

hf_status hf__redis_tls_feed(hf__redis_tls *t, const char *data, size_t size, hf_error *err) {
  return BIO_write(t->in, data, (int)size) == (int)size ? HF_OK : hf_error_no_memory(err);
}

hf_status hf__redis_tls_read(hf__redis_tls *t, char *out, size_t capacity, size_t *size, hf_error *err) {
  *size = 0;
  if (!SSL_is_init_finished(t->ssl)) return HF_OK; /* the handshake's own bytes */
  ERR_clear_error();
  int n = SSL_read(t->ssl, out, (int)capacity);
  if (n > 0) {
    *size = (size_t)n;
    return HF_OK;
  }
  int why = SSL_get_error(t->ssl, n);
  if (why == SSL_ERROR_WANT_READ) return HF_OK;
  return fail(HF_UNAVAILABLE, why == SSL_ERROR_ZERO_RETURN ? "the server ended it" : "cannot read", err);
}
