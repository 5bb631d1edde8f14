"""The exact probe against scikit-learn's optima, and against the gradient by autograd where scikit-learn has none."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from bench.errors import DataError
from bench.training.exact_head import exact_path
from bench.training.exact_losses import loss_of
from bench.training.objective import cox_loss

CS = (1e-4, 1e-2, 1.0, 100.0)
RNG = np.random.default_rng(0)


def correlated(records, dim):
    """Features whose variances fall off, as representations' do."""
    turn = np.linalg.qr(RNG.normal(size=(dim, dim)))[0]
    x = (RNG.normal(size=(records, dim)) * np.arange(1, dim + 1) ** -0.7) @ turn + 0.3
    return (x - x.mean(0)) / x.std(0) + 0.1


def path(x, y, loss_name, n_outputs, cs=CS):
    return list(exact_path(torch.from_numpy(x), torch.from_numpy(y), loss_name, n_outputs, cs))


def near(found, wanted, share=1e-5):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=share * np.abs(wanted).max())


@pytest.mark.parametrize("records", [40, 600])  # fewer records than dimensions are distinguished perfectly
def test_multilabel_is_sklearns_optimum_class_by_class(records):
    x = correlated(records, 60)
    y = (x @ RNG.normal(size=(60, 4)) + 2 * RNG.normal(size=(records, 4)) > [0, 0.5, 1, 3]).astype(np.uint8)
    for fit in path(x, y, "binary", 4):
        for k in range(4):
            exact = LogisticRegression(C=fit.c, tol=1e-12, max_iter=500, solver="newton-cholesky").fit(x, y[:, k])
            near(fit.weight[k].numpy(), exact.coef_[0])
            near(fit.bias[k].numpy(), exact.intercept_[0])


@pytest.mark.parametrize("loss_name", ["binary", "softmax"])
def test_few_records_of_very_different_size_have_an_optimum_under_a_weak_penalty(loss_name):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(128, 200)) * np.arange(1, 201) ** -1.0 * np.exp(1.5 * rng.normal(size=(128, 1))) * 30
    y = (x[:, 0] + np.abs(x[:, 0]).mean() / 2 * rng.normal(size=128) > 0).astype(np.int64)
    if loss_name == "binary":
        y = y[:, None].astype(np.uint8)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    for fit in exact_path(x, y, loss_name, 1 if loss_name == "binary" else 2, (1e-6, 1.0, 1e3, 1e6)):
        outputs = (x @ fit.weight.T + fit.bias).requires_grad_()
        loss = (
            torch.nn.functional.softplus((1 - 2.0 * y) * outputs).sum()
            if loss_name == "binary"
            else torch.nn.functional.cross_entropy(outputs, y, reduction="sum")
        )
        (by_record,) = torch.autograd.grad(loss, outputs)
        gradient = by_record.T @ x + fit.weight / fit.c
        cancels = by_record.abs().T @ x.abs()
        assert float(gradient.norm()) < 1e-3 * float(cancels.norm())


@pytest.mark.parametrize("loss_name", ["binary", "softmax", "cox"])
def test_curvature_is_the_derivative_of_the_gradient(loss_name):
    rng = np.random.default_rng(0)
    targets = {
        "binary": rng.integers(0, 2, (30, 3)),
        "softmax": rng.integers(0, 3, 30),
        "cox": np.stack([np.round(rng.exponential(size=30), 1), rng.random(30) < 0.5], 1),
    }[loss_name]
    loss, _, columns = loss_of(loss_name, torch.from_numpy(targets))
    outputs, direction = torch.from_numpy(rng.normal(size=(2, 30, 3 if loss_name == "binary" else 1, columns)))
    which = torch.arange(outputs.shape[1])
    _, wanted = torch.func.jvp(lambda x: loss.values(x, which)[1], (outputs,), (direction,))
    torch.testing.assert_close(loss.turned(outputs, which)(direction), wanted)


def test_multiclass_is_sklearns_multinomial_optimum():
    x = correlated(400, 20)
    y = np.argmax(x @ RNG.normal(size=(20, 4)) + RNG.gumbel(size=(400, 4)) + [2, 0, 0, -1], axis=1)
    for fit in path(x, y, "softmax", 4):
        exact = LogisticRegression(C=fit.c, tol=1e-12, max_iter=500, solver="newton-cholesky").fit(x, y)
        near(fit.weight.numpy(), exact.coef_)
        near(torch.softmax(fit.bias, 0).numpy(), np.exp(exact.intercept_) / np.exp(exact.intercept_).sum())


@pytest.mark.parametrize("records", [30, 300])
def test_regression_is_sklearns_ridge(records):
    x = correlated(records, 50)
    y = x @ RNG.normal(size=(50, 2)) + RNG.normal(size=(records, 2)) + 5
    for fit in path(x, y, "squared", 2):
        exact = Ridge(alpha=1 / fit.c, solver="svd").fit(x, y)
        near(fit.weight.numpy(), exact.coef_, 1e-8)
        near(fit.bias.numpy(), exact.intercept_, 1e-8)


def test_survival_is_where_the_penalised_partial_likelihood_is_flat():
    x = correlated(200, 10)
    years = np.round(RNG.exponential(np.exp(-x[:, 0])), 1)  # with ties
    y = np.stack([years, RNG.random(200) < 0.4], 1)
    for fit in path(x, y, "cox", 1):
        weight = fit.weight[0].clone().requires_grad_()
        event = torch.from_numpy(y[:, 1])
        loss = cox_loss(torch.from_numpy(x) @ weight, torch.from_numpy(years), event) * event.sum()
        (gradient,) = torch.autograd.grad(loss + weight.square().sum() / (2 * fit.c), weight)
        assert gradient.abs().max() < 1e-5 * len(x) ** 0.5


def test_survival_without_an_event_is_refused():
    with pytest.raises(DataError, match="event"):
        path(correlated(20, 4), np.c_[np.arange(1.0, 21), np.zeros(20)], "cox", 1)


@pytest.mark.parametrize("loss_name", ["binary", "softmax"])
def test_what_no_record_has_is_not_learned_and_scores_low(loss_name):
    x = correlated(50, 5)
    y = (x[:, 0] > 0).astype(np.int64)
    targets = np.c_[y, 1 - y, np.zeros(50, np.int64)] if loss_name == "binary" else y
    (fit,) = path(x, targets, loss_name, 3, [1.0])
    outputs = torch.from_numpy(x) @ fit.weight.T + fit.bias
    assert (fit.weight[2] == 0).all()
    assert (outputs[:, 2] < outputs[:, :2].amax(1)).all()


def test_the_path_goes_from_the_strongest_penalty_and_weights_grow():
    x = correlated(100, 8)
    fits = path(x, (x[:, :1] + RNG.normal(size=(100, 1)) > 0).astype(np.uint8), "binary", 1, (1.0, 1e-3, 100.0))
    assert [f.c for f in fits] == [1e-3, 1.0, 100.0]
    assert sorted(norms := [float(f.weight.norm()) for f in fits]) == norms


def test_labels_that_are_all_equal_have_a_bias_and_no_weight():
    targets = torch.zeros(7, 2)
    targets[:, 0] = 1
    (fit,) = exact_path(torch.randn(7, 3, generator=torch.Generator().manual_seed(0)), targets, "binary", 2, (1e-6,))
    assert not fit.weight.any() and fit.bias[0] > 0 > fit.bias[1]
