"""The small model's tokenizer: byte-level BPE, trained on the corpus itself."""

from __future__ import annotations

from itertools import islice

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.pretraining.corpus import END, OPENING, PAD, RESPONSE_MARK, stream_documents

VOCABULARY_SIZE = 2048
TRAINING_DOCUMENTS = 60_000
#: Probability of leaving out a merge: words are cut into rarer pieces, so that all pieces are
#: trained and unseen words are nothing new. https://arxiv.org/abs/1910.13267
DROPOUT = 0.1


def train_tokenizer(seed: int) -> Tokenizer:
    """Return a tokenizer to which each mark of the prompt form is one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - 2,
        special_tokens=[PAD, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    documents = islice(stream_documents(seed), TRAINING_DOCUMENTS)
    texts = ("".join(text for text, _ in document) for document in documents)
    tokenizer.train_from_iterator((_without_marks(text) for text in texts), trainer)
    tokenizer.add_tokens([AddedToken(mark, normalized=False) for mark in (OPENING, RESPONSE_MARK)])
    return tokenizer


def with_dropout(tokenizer: Tokenizer) -> Tokenizer:
    """Return the same tokenizer, but one that cuts words at random into smaller pieces."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.model.dropout = DROPOUT
    return copy


def mark_ids(tokenizer: Tokenizer) -> tuple[int, int]:
    """Return the ids of the padding and of the end mark."""
    return tokenizer.encode(PAD).ids[0], tokenizer.encode(END).ids[0]


def _without_marks(text: str) -> str:
    for mark in (OPENING, RESPONSE_MARK, END):
        text = text.replace(mark, " ")
    return text
