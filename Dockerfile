# A small image that runs `sqltune` once and ends; a scheduler starts it again.
FROM python:3.12.12-slim-bookworm

# Where pip looks for PyTorch first; this one holds builds for the processor alone.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# EXTRAS= (empty) leaves out torch and the local backend.
ARG EXTRAS=local

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1

WORKDIR /src
COPY . .
RUN pip install --constraint requirements.lock --extra-index-url "${TORCH_INDEX}" ".[${EXTRAS}]" \
 && rm -rf /src/*

RUN useradd --create-home --uid 1000 sqltune \
 && install -d -o sqltune -g sqltune /srv/sqltune /srv/sqltune/artifacts
USER sqltune
WORKDIR /srv/sqltune
ENV SQLTUNE_ARTIFACTS=/srv/sqltune/artifacts
VOLUME /srv/sqltune/artifacts

ENTRYPOINT ["sqltune"]
CMD ["sync"]
