-- Run once, when the cluster is made.
CREATE DATABASE mlflow;
CREATE DATABASE studies;
