-- A company's own tables, and the two views that its adapter is trained and asked with.
-- Plain SQL that SQLite, MySQL, MariaDB and SingleStore take.

CREATE TABLE shop_customers (
    customer_id     BIGINT NOT NULL PRIMARY KEY,
    full_name       VARCHAR(100) NULL,
    language        VARCHAR(8) NULL,                -- as the browser reported it; often wrong
    is_tester       SMALLINT NOT NULL               -- 1: an employee who tries the form
);

CREATE TABLE shop_products (
    product_id      BIGINT NOT NULL PRIMARY KEY,
    product_name    VARCHAR(100) NOT NULL,
    area            VARCHAR(32) NOT NULL
);

-- The texts that agents choose from.
CREATE TABLE shop_macros (
    macro_id        BIGINT NOT NULL PRIMARY KEY,
    area            VARCHAR(32) NOT NULL,
    problem         VARCHAR(32) NOT NULL,
    macro_text      LONGTEXT NOT NULL               -- with {order} and {product}
);

CREATE TABLE shop_tickets (
    ticket_id       BIGINT NOT NULL PRIMARY KEY,
    thread_id       BIGINT NOT NULL,                -- a customer's mails about one matter
    customer_id     BIGINT NOT NULL,
    product_id      BIGINT NULL,
    order_number    VARCHAR(16) NULL,
    subject         VARCHAR(200) NULL,
    body            LONGTEXT NULL,
    merged_into     BIGINT NULL,                    -- the ticket that this one repeats, where an agent saw it
    thread_began_on VARCHAR(10) NOT NULL            -- YYYY-MM-DD
);

CREATE TABLE shop_replies (
    reply_id        BIGINT NOT NULL PRIMARY KEY,
    ticket_id       BIGINT NOT NULL,
    macro_id        BIGINT NULL,                    -- NULL: written without a macro
    reply_text      LONGTEXT NULL,                  -- NULL: the macro as it is
    state           VARCHAR(16) NOT NULL            -- sent | draft | note, which only agents see
);

-- One row per answered ticket. Threads that began in June 2025 or later are held out, whole.
CREATE VIEW support_samples AS
SELECT t.ticket_id AS sample_key,
       COALESCE(NULLIF(TRIM(t.body), ''), t.subject) AS prompt,
       REPLACE(REPLACE(COALESCE(r.reply_text, m.macro_text), '{order}', t.order_number),
               '{product}', p.product_name) AS response,
       CASE WHEN t.thread_began_on >= '2025-06-01' THEN 'test' ELSE 'train' END AS split,
       t.thread_id AS group_key
  FROM shop_tickets t
  JOIN shop_customers c ON c.customer_id = t.customer_id
  JOIN shop_products p ON p.product_id = t.product_id
  JOIN shop_replies r ON r.ticket_id = t.ticket_id
  LEFT JOIN shop_macros m ON m.macro_id = r.macro_id
 WHERE r.state = 'sent'
   AND c.is_tester = 0
   AND t.merged_into IS NULL
   AND COALESCE(r.reply_text, m.macro_text) IS NOT NULL
   AND COALESCE(NULLIF(TRIM(t.body), ''), t.subject) IS NOT NULL;

-- The held-out tickets with the macro as the expected answer, the first of each thread.
CREATE VIEW support_prompts AS
SELECT s.sample_key AS prompt_key,
       s.prompt AS prompt,
       REPLACE(REPLACE(m.macro_text, '{order}', t.order_number),
               '{product}', p.product_name) AS expected,
       m.problem AS category
  FROM support_samples s
  JOIN shop_tickets t ON t.ticket_id = s.sample_key
  JOIN shop_products p ON p.product_id = t.product_id
  JOIN shop_replies r ON r.ticket_id = t.ticket_id AND r.state = 'sent'
  JOIN shop_macros m ON m.macro_id = r.macro_id
 WHERE s.split = 'test'
   AND NOT EXISTS (SELECT 1 FROM shop_tickets e
                    WHERE e.thread_id = t.thread_id AND e.ticket_id < t.ticket_id);
